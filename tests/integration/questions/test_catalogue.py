"""The catalogue: what is said of items, and how soon answers follow."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from tests.integration.questions.test_recommendations import ids
from tests.service import PATIENCE_SECONDS, Service, started

EMPTY: dict[str, Any] = {
    "title": None,
    "categories": [],
    "hidden": False,
    "available_from": None,
    "available_until": None,
    "attributes": {},
}


async def send(service: Service, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    response = await service.client.request(method, path, json=body)
    assert response.status_code == status, response.text
    return response.json() if response.content else None


async def noticed(is_so: Any) -> None:
    """Wait for a change to show in answers."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await is_so():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.05)


async def test_an_item_is_what_was_put(service: Service):
    full = {
        "title": "Ünïcode's 10% _odd_",
        "categories": ["a", "b/c"],
        "hidden": True,
        "available_from": "2026-01-31T12:00:00Z",
        "available_until": "2027-01-31T12:00:00Z",
        "attributes": {"year": 1999, "deep": {"list": [1, None, True, 1.5]}},
    }
    assert await send(service, "PUT", "/items/a%2Fb", full) == full | {"item_id": "a/b"}
    assert await service.get("/items/a%2Fb") == full | {"item_id": "a/b"}
    changed = await send(service, "PATCH", "/items/a%2Fb", {"hidden": False, "available_until": None})
    assert changed == full | {"item_id": "a/b", "hidden": False, "available_until": None}
    assert await send(service, "PUT", "/items/a%2Fb", {}) == EMPTY | {"item_id": "a/b"}


async def test_what_is_not_there_is_not_found(service: Service):
    await service.get("/items/x", 404)
    await send(service, "PATCH", "/items/x", {"hidden": True}, 404)
    await send(service, "DELETE", "/items/x", status=404)


@pytest.mark.parametrize(
    "body",
    [
        {"title": 1},
        {"title": "a\0b"},
        {"title": "x" * 1001},
        {"categories": [""]},
        {"categories": "a"},
        {"hidden": "yes"},
        {"available_from": "tomorrow"},
        {"available_from": 1e300},
        {"available_until": "0001-01-01T00:00:00+14:00"},
        {"available_from": 20, "available_until": 10},
        {"attributes": {"big": 10**400}},
        {"attributes": []},
        {"attributes": {"long": "x" * 20_000}},
        {"unknown": 1},
    ],
)
async def test_what_is_no_item_is_refused(service: Service, body):
    assert "errors" in await send(service, "PUT", "/items/x", body, 422)


async def test_numbers_that_are_none_are_refused(service: Service):
    for text in ('{"attributes": {"a": NaN}}', '{"attributes": {"a": 1e999}}', '{"title": "\\ud800"}'):
        response = await service.client.put("/items/x", content=text, headers={"content-type": "application/json"})
        assert response.status_code == 422, text


async def test_titles_are_searched(service: Service):
    titles = ["Toy Story", "toy soldiers", "A Story", "100%", None]
    for number, title in enumerate(titles):
        await send(service, "PUT", f"/items/{number}", {"title": title})
    assert ids(await service.get("/items", q="TOY")) == ["0", "1"]
    assert ids(await service.get("/items", q="story")) == ["0", "2"]
    assert ids(await service.get("/items", q="%")) == ["3"]
    assert ids(await service.get("/items", q="_")) == []
    first = await service.get("/items", n=3)
    assert ids(first) + ids(await service.get("/items", cursor=first["next_cursor"])) == ["0", "1", "2", "3", "4"]
    await service.get("/items", 422, cursor="!")


async def test_a_change_shows_on_every_process(trained: Service, tmp_path: Path):
    async with started(trained.settings.database_url, trained.settings.data_dir) as other:
        await other.until(lambda: other.served_version == trained.served_version)
        first, second = ids(await trained.get("/users/u1/recommendations"))[:2]
        await send(trained, "PATCH", f"/items/{first}", {"hidden": True})
        await send(trained, "PATCH", f"/items/{second}", {"title": "Renamed", "categories": ["new"]})

        async def shows() -> bool:
            lists = [await one.get("/users/u1/recommendations") for one in (trained, other)]
            return all(answer["items"][0]["title"] == "Renamed" and first not in ids(answer) for answer in lists)

        await noticed(shows)
        for one in (trained, other):
            assert ids(await one.get("/users/u1/recommendations", category="new")) == [second]
            assert ids(await one.get(f"/items/{first}/similar", n=60, category="new")) == [second]


async def test_dates_begin_and_end_by_themselves(trained: Service):
    first, second = ids(await trained.get("/users/u1/recommendations"))[:2]

    async def change_at(soon: float) -> None:
        await send(trained, "PATCH", f"/items/{first}", {"available_from": soon})
        await send(trained, "PATCH", f"/items/{second}", {"available_until": soon})

    async def only_the_second() -> bool:
        shown = ids(await trained.get("/users/u1/recommendations"))
        return first not in shown and second in shown

    async def only_the_first() -> bool:
        shown = ids(await trained.get("/users/u1/recommendations"))
        return first in shown and second not in shown

    await change_at(time.time() + 3600)
    await noticed(only_the_second)
    await change_at(time.time() + 1.5)
    await noticed(only_the_first)


async def test_a_deleted_item_is_gone(trained: Service):
    first = ids(await trained.get("/users/u1/recommendations"))[0]
    await trained.rate([("u1", first, 5.0)])
    await send(trained, "DELETE", f"/items/{first}", status=204)
    await trained.get(f"/items/{first}", 404)
    rated = (await trained.get("/users/u1/ratings", n=1000))["items"]
    assert first not in [rating["item_id"] for rating in rated]

    async def is_gone() -> bool:
        answers = [
            await trained.get("/users/u1/recommendations", n=1000, exclude_rated=False),
            await trained.get("/users/nobody/recommendations", n=1000),
            await trained.get("/items/popular", n=1000),
            await trained.get("/items/trending", n=1000),
        ]
        response = await trained.client.get(f"/items/{first}/similar")
        return response.status_code == 404 and all(first not in ids(answer) for answer in answers)

    await noticed(is_gone)  # without a training
    await trained.rate([("u2", first, 5.0)])  # another item by the same name does not inherit its vector
    assert first not in ids(await trained.get("/users/u1/recommendations", n=1000))
    await trained.train()
    assert first in ids(await trained.get("/users/u1/recommendations", n=1000))
