"""Recommendations past routing: what is answered, refused and noted is what routing would have made of it."""

from pathlib import Path

import httpx
import pytest

from app.api import direct
from app.api.rating_streams import NDJSON
from tests.service import started, tastes

ROUTE = "/users/{user_id}/recommendations"
ADDRESSES = [
    ("/users/u1/recommendations", 200),
    ("/users/nobody/recommendations?n=3&category=a&category=b&exclude=i01", 200),
    ("/users/a%2Fb/recommendations?n=2", 200),
    ("/users/u1/recommendations?n=0", 422),
    ("/users/u1/recommendations?n=0", 422),  # again, since good questions are remembered
    ("/users/%zz/recommendations", 422),
    ("/users/u1/recommendations?cursor=forged", 422),
    ("/users/u1/recommendations/", 404),
    ("/users//recommendations", 404),
    ("/users/a/b/recommendations", 404),
    ("/users/recommendations", 405),
]


def seen(response: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    headers = {name: value for name, value in response.headers.items() if name != "x-request-id"}
    return response.status_code, response.content, headers


@pytest.mark.parametrize("host", ["127.0.0.1", "elsewhere.example"])
async def test_routing_would_have_answered_the_same(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
):
    async with started(database_url, tmp_path) as service:
        await service.rate(tastes())
        await service.train()
        headers = {"host": host}
        answers = [await service.client.get(address, headers=headers) for address, _ in ADDRESSES]
        posted = await service.client.post("/users/u1/recommendations", headers=headers)
        calls = (await service.client.get("/metrics")).text
        monkeypatch.setattr(direct, "_path_parameters", lambda _: None)
        routed = [await service.client.get(address, headers=headers) for address, _ in ADDRESSES]
        assert list(map(seen, answers)) == list(map(seen, routed))
        assert seen(posted) == seen(await service.client.post("/users/u1/recommendations", headers=headers))
        if host == "127.0.0.1":
            assert [response.status_code for response in answers] == [status for _, status in ADDRESSES]
            assert f'route="{ROUTE}",status="200"}} 3.0' in calls
        else:
            assert {response.status_code for response in answers} == {404, 405, 421}


Sent = tuple[bytes, dict[str, str]]
BODIES: list[tuple[Sent, int]] = [
    ((b'{"user_id":"x","item_id":"y","value":4,"timestamp":7}', {}), 200),
    ((b'{"user_id":"x","item_id":"y","value":9}', {}), 422),
    ((b"[]", {}), 200),
    ((b"{", {}), 422),
    ((b"", {}), 422),
    ((b"[" + b"1," * 10_000 + b"1]", {}), 422),
    ((b"{}", {"content-type": "text/plain"}), 415),
    ((b"{}", {"origin": "https://elsewhere.example"}), 403),
    ((b"{}", {"content-encoding": "gzip"}), 415),
    ((b'{"user_id":"x","item_id":"y","value":4}\n{\n', {"content-type": NDJSON}), 422),
]


async def test_routing_would_have_stored_the_same(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with started(database_url, tmp_path) as service:

        async def posted() -> list[tuple[int, bytes, dict[str, str]]]:
            json = {"content-type": "application/json"}
            calls = [("/ratings", sent) for sent, _ in BODIES] + [("/ratings/", BODIES[0][0])]
            return [
                seen(await service.client.post(path, content=content, headers=json | headers))
                for path, (content, headers) in calls
            ]

        await posted()  # from here on the store holds what is good of it
        answers = await posted()
        calls = (await service.client.get("/metrics")).text
        monkeypatch.setattr(direct, "_path_parameters", lambda _: None)
        assert answers == await posted()
        assert [answer[0] for answer in answers] == [*(status for _, status in BODIES), 404]
        assert 'route="/ratings",status="200"} 4.0' in calls


async def test_what_goes_past_routing_is_only_what_is_asked_most():
    scope = {"type": "http", "method": "GET", "path": "/users/u1/recommendations", "root_path": ""}
    assert direct._path_parameters(scope) == {"user_id": "u1"}
    for other in ({"type": "lifespan"}, {"method": "POST"}, {"path": "/users/u1/ratings"}, {"root_path": "/api"}):
        assert direct._path_parameters(scope | other) is None
    written = scope | {"method": "POST", "path": "/ratings"}
    assert direct._path_parameters(written) == {}
    for other in ({"method": "GET"}, {"method": "PUT"}, {"path": "/ratings/"}, {"root_path": "/api"}):
        assert direct._path_parameters(written | other) is None
