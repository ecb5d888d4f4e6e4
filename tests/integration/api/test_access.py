"""Who may do what: every route with every kind of key, and what a page of another site may not."""

import hmac
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.api.security import SCOPES
from app.services.access_keys import create_key, list_keys, revoke_key
from app.storage.api_keys import KeyScope
from app.storage.engine import Store
from tests.processes import Foldin
from tests.service import Service, started

SCOPE_NAMES: tuple[KeyScope, ...] = ("read", "write", "admin")
REFUSED = (401, 403)


@pytest.fixture
async def service(database_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    async with started(database_url, tmp_path / "data") as service:
        yield service


async def knows_keys(service: Service) -> None:
    """Wait until the process has read the keys anew."""
    n_good = sum(key.revoked_at is None for key in list_keys(service.store))
    await service.until(lambda: len(service.app.state.access._scopes_by_digest) == n_good)


def cases() -> list[tuple[str, str, str, str]]:
    return [(*route, needed, key) for route, needed in SCOPES.items() for key in ("", "unknown", *SCOPE_NAMES)]


def may(key: str, needed: str) -> bool:
    return needed == "public" or (key in SCOPE_NAMES and SCOPE_NAMES.index(key) >= SCOPE_NAMES.index(needed))


async def wrongly_answered(service: Service, keys: dict[str, str]) -> list[tuple[Any, ...]]:
    """Ask every route with every kind of key, and name those that did not answer as its scope says."""
    wrong = []
    for method, template, needed, name in cases():
        path = re.sub(r"{\w+}", "1", template)
        answer = await service.client.request(method, path, headers={"x-api-key": keys[name]} if name else {})
        expected = None if may(name, needed) else 403 if name in SCOPE_NAMES else 401
        if (answer.status_code if answer.status_code in REFUSED else None) != expected:
            wrong.append((method, template, name, answer.status_code))
    return wrong


async def test_every_route_asks_for_the_key_that_it_is_listed_with(service: Service, monkeypatch: pytest.MonkeyPatch):
    keys = {scope: create_key(service.store, scope)[1] for scope in SCOPE_NAMES} | {"unknown": "x" * 43}
    await knows_keys(service)
    assert await wrongly_answered(service, keys) == []
    monkeypatch.setattr("app.api.security._INCLUDES", {name: {"read", "write"} for name in SCOPE_NAMES})
    wrong = await wrongly_answered(service, keys)
    assert {(method, path, key) for method, path, key, _ in wrong} >= {("DELETE", "/users/{user_id}", "read")}


async def test_keys_rotate_and_revoking_the_last_one_does_not_open_the_service(service: Service):
    async def status(key: str = "") -> int:
        return (await service.client.get("/items/popular", headers={"authorization": f"Bearer {key}"})).status_code

    assert await status() == 200
    old_id, old = create_key(service.store, "read")
    new_id, new = create_key(service.store, "read")
    await knows_keys(service)
    assert [await status(key) for key in (old, new, "")] == [200, 200, 401]
    revoke_key(service.store, old_id)
    await knows_keys(service)
    assert [await status(key) for key in (old, new)] == [401, 200]
    revoke_key(service.store, new_id)
    await knows_keys(service)
    assert [await status(key) for key in (old, new, "")] == [401, 401, 401]
    async with started(str(service.settings.database_url), service.settings.data_dir) as again:
        assert (await again.client.get("/items/popular")).status_code == 401


async def test_every_known_key_is_compared_whichever_was_sent(service: Service, monkeypatch: pytest.MonkeyPatch):
    keys = [create_key(service.store, "read")[1] for _ in range(3)]
    await knows_keys(service)
    compared: list[bytes] = []
    really = hmac.compare_digest

    def compare(known: bytes, given: bytes) -> bool:
        compared.append(known)
        return really(known, given)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    for key in (*keys, "unknown"):
        compared.clear()
        await service.client.get("/items/popular", headers={"x-api-key": key})
        assert len(compared) == 3


def test_keys_are_made_listed_and_revoked_by_command(foldin: Foldin, store: Store):
    made = foldin.run("keys", "create", "--scope", "write")
    assert "this is the store's first key: from now on every request needs one" in made.stderr
    key = made.stdout.strip()
    assert len(key) >= 43
    assert key not in made.stderr + foldin.run("keys", "list").stdout + foldin.run("keys", "list", "--json").stdout
    assert [(found.scope, found.revoked_at) for found in list_keys(store)] == [("write", None)]
    assert "it was the last in the store" in foldin.run("keys", "revoke", "1").stderr
    assert list_keys(store)[0].revoked_at is not None
    assert "no key 1" in foldin.run("keys", "revoke", "1", exit_code=1).stderr
    refused = foldin.run("serve", "--host", "0.0.0.0", exit_code=2).stderr
    assert "foldin keys create" in refused


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://127.0.0.1"}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"content-type": "application/x-ndjson"}, 200),
        ({"origin": "http://127.0.0.1:3000"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "multipart/form-data; boundary=application/json"}, 415),
        ({"content-type": ""}, 415),
        ({"host": "evil.example"}, 421),
    ],
    ids=str,
)
async def test_a_write_comes_from_no_page_of_another_site(service: Service, headers: dict[str, str], status: int):
    for method, path in (("DELETE", "/users/u"), ("POST", "/training-runs")):
        await service.rate([("u", "i", 3)])
        answer = await service.client.request(method, path, headers=headers)
        assert answer.status_code == (202 if status == 200 and method == "POST" else status), answer.text
