"""Pages: together they are the list that was asked for first, whatever happens in between."""

import re
import shutil
from typing import Any

import pytest

from app.serving.live import MOST_RECENT
from app.storage.shipping import forget_shipped
from tests.service import Service, tastes


async def pages(service: Service, user: str = "u1", *, between=None, **parameters) -> list[list[str]]:
    """Every page's item ids, with something happening after each."""
    path, found = f"/users/{user}/recommendations", []
    answer = await service.get(path, **parameters)
    while True:
        found.append([item["item_id"] for item in answer["items"]])
        assert len(found) <= 60, "the pages go round in circles"
        if answer["next_cursor"] is None:
            return found
        assert re.fullmatch("[A-Za-z0-9_-]+", answer["next_cursor"])
        if between is not None:
            await between(len(found), found[-1])
        answer = await service.get(path, cursor=answer["next_cursor"])


def joined(found: list[list[str]]) -> list[str]:
    return [item for page in found for item in page]


@pytest.mark.parametrize("user", ["u1", "nobody"])
@pytest.mark.parametrize("n", [1, 7, 40])
async def test_pages_together_are_the_list(trained: Service, user, n):  # gorse #802: pages repeated
    parameters: dict[str, Any] = {"category": ["all"], "exclude": ["i03", "i30"]}
    full = await trained.get(f"/users/{user}/recommendations", n=1000, **parameters)
    found = await pages(trained, user, n=n, **parameters)
    assert joined(found) == [item["item_id"] for item in full["items"]]
    assert {len(page) for page in found[:-1]} <= {n}


async def test_ratings_and_versions_in_between_change_no_page(trained: Service):
    full = await trained.get("/users/u1/recommendations", n=1000)

    async def between(turn, shown):
        await trained.rate([("u1", item, 0.5) for item in shown])
        if turn <= 2:
            await trained.rate(tastes(seed=turn))
            await trained.train()
        await trained.client.delete(f"/users/u1/ratings/{shown[0]}")

    found = await pages(trained, "u1", n=5, between=between)
    assert joined(found) == [item["item_id"] for item in full["items"]]
    assert (await trained.get("/users/u1/recommendations"))["model_version"] == trained.served_version == 3


async def test_equal_scores_fall_on_one_page_each(service: Service):
    # every item is rated alike, so that all scores are as good as equal
    await service.rate((f"u{user}", f"i{item}", 4.0) for user in range(5) for item in range(30))
    await service.rate([("one", "other", 4.0)])
    await service.train()
    found = joined(await pages(service, "one", n=4))
    assert sorted(found) == sorted(f"i{item}" for item in range(30))


@pytest.mark.parametrize("parameters", [{"diversity": 0.6}, {"explore": 0.4}, {"explain": True}])
async def test_other_orders_have_pages_too(trained: Service, parameters):
    found = joined(await pages(trained, n=8, **parameters))
    everything = await trained.get("/users/u1/recommendations", n=1000)
    assert sorted(found) == sorted(item["item_id"] for item in everything["items"])


async def test_reasons_add_up_on_later_pages(trained: Service):
    first = await trained.get("/users/u1/recommendations", n=3, explain=True)
    await trained.rate([("u1", first["items"][0]["item_id"], 0.0)])
    second = await trained.get("/users/u1/recommendations", cursor=first["next_cursor"])
    for item in second["items"]:
        total = sum(reason["contribution"] for reason in item["because"])
        assert total + item["because_rest"] + item["because_everyone"] == pytest.approx(item["score"], abs=1e-4)


async def test_pages_without_a_model_do_not_overlap(service: Service):
    ratings = tastes(n_users=6, n_items=20)
    await service.rate(ratings)
    found = joined(await pages(service, "nobody", n=3, exclude=["i04"]))
    assert sorted(found) == sorted({item for _, item, _ in ratings} - {"i04"})


async def test_reasons_are_there_before_there_is_a_model(service: Service):
    await service.rate([("a", "x", 5), ("b", "x", 5), ("b", "y", 5)])
    first = await service.get("/users/c/recommendations", n=1, explain=True)
    second = await service.get("/users/c/recommendations", cursor=first["next_cursor"])
    for item in (*first["items"], *second["items"]):
        assert (item["because"], item["because_everyone"]) == ([], item["score"])
    assert [item["item_id"] for item in (*first["items"], *second["items"])] == ["x", "y"]


async def test_the_size_of_a_page_may_change(trained: Service):
    first = await trained.get("/users/u1/recommendations", n=3)
    second = await trained.get("/users/u1/recommendations", n=5, cursor=first["next_cursor"])
    assert len(second["items"]) == 5


async def test_pages_of_thousands_of_ratings_go_on_over_an_address(service: Service):
    items = [f"i{number:04}" for number in range(9_000)]
    await service.rate(("fan", item, 4.0) for item in items[6:])
    await service.rate((user, item, 5.0) for user in ("a", "b") for item in (*items[:6], *items[6:100:7]))
    await service.train()
    first = await service.get("/users/fan/recommendations", n=3, explain=True)
    second = await service.get("/users/fan/recommendations", cursor=first["next_cursor"])
    assert sorted(item["item_id"] for item in (*first["items"], *second["items"])) == items[:6]
    assert all(len(item["because"]) == 3 for item in second["items"])
    assert second["next_cursor"] is None


async def test_a_tampered_cursor_is_refused(trained: Service):
    cursor = (await trained.get("/users/u1/recommendations", n=3))["next_cursor"]
    for place in (0, 1, 17, len(cursor) // 2, len(cursor) - 1):
        for other in "AZaz09-_":
            if cursor[place] != other:
                changed = cursor[:place] + other + cursor[place + 1 :]
                await trained.get("/users/u1/recommendations", 422, cursor=changed)
    for nonsense in ("A", "AAAA", "é", "=", cursor + "A", cursor[:-1], cursor * 2):
        await trained.get("/users/u1/recommendations", 422, cursor=nonsense)
    problem = await trained.get("/users/u2/recommendations", 422, cursor=cursor)
    assert problem["errors"] == [{"pointer": "/query/cursor", "reason": "was given for another user"}]
    problem = await trained.post("/recommendations", {"user_id": "u1", "cursor": cursor[:-1]}, 422)
    assert problem["errors"] == [{"pointer": "/cursor", "reason": "is not one of ours"}]


async def test_a_deleted_version_is_gone(trained: Service):
    cursor = (await trained.get("/users/u1/recommendations", n=3))["next_cursor"]
    first = trained.served_version or 0
    for turn in range(MOST_RECENT + 1):
        await trained.rate(tastes(seed=turn + 1))
        await trained.train()
    assert trained.state.live.find(first, 0) is None
    await trained.get("/users/u1/recommendations", cursor=cursor)  # still on the disk
    trained.state.live.recent.clear()
    shutil.rmtree(trained.settings.models_dir / str(first))
    with trained.store.write() as connection:
        forget_shipped(connection, [first])
    problem = await trained.get("/users/u1/recommendations", 410, cursor=cursor)
    assert problem["type"] == "urn:foldin:problem:version-gone"
