"""Items that came after the training: recommended within seconds, and their ratings count."""

import asyncio

import pytest

from app.services.training.supplementing import Supplementer
from app.serving.snapshot import Snapshot
from tests.integration.questions.test_recommendations import ids
from tests.service import Service


def current(service: Service) -> Snapshot:
    snapshot = service.state.live.current
    assert snapshot
    return snapshot


async def supplement(service: Service) -> int:
    """Publish a supplement and wait until it is served."""
    number = await asyncio.to_thread(Supplementer(service.store, service.settings).supplement)
    assert number is not None
    await service.until(lambda: current(service).identity[1] == number)
    return number


async def test_a_rated_item_is_recommended_without_training(trained: Service):  # implicit #152: new items
    likers = [f"u{user}" for user in range(1, 40, 2)]
    await trained.rate([(user, "new-odd", 5.0) for user in likers[:-1]])
    assert "new-odd" not in ids(await trained.get("/users/u39/recommendations", n=1000))
    await supplement(trained)
    (odd,) = [
        item
        for item in (await trained.get("/users/u39/recommendations", n=1000))["items"]
        if item["item_id"] == "new-odd"
    ]
    even = await trained.get("/users/u2/recommendations", n=1000)
    (other,) = [item for item in even["items"] if item["item_id"] == "new-odd"]
    assert not odd["cold"]
    assert odd["score"] > other["score"] + 0.2
    assert sum(int(item[1:]) % 2 for item in ids(await trained.get("/items/new-odd/similar", n=10))) >= 9


async def test_a_rating_of_a_new_item_counts(trained: Service):
    await trained.rate([(f"u{user}", "new-odd", 5.0) for user in range(1, 40, 2)])
    await supplement(trained)
    await trained.rate([("fresh", "new-odd", 5.0)])
    answer = await trained.get("/users/fresh/recommendations", explain=True)
    assert answer["strategy"] == "personal"
    assert sum(int(item[1:]) % 2 for item in ids(answer)) >= 8
    for item in answer["items"]:
        (reason,) = item["because"]
        assert reason["item_id"] == "new-odd"
        total = reason["contribution"] + item["because_rest"] + item["because_everyone"]
        assert total == pytest.approx(item["score"], abs=1e-4)


async def test_an_item_that_nobody_rated_is_placed_by_its_categories(trained: Service):
    await trained.describe([("cold-odd", "Cold", ["odd", "all"]), ("cold-none", "No", []), ("cold-new", "", ["new"])])
    await supplement(trained)
    answer = await trained.get("/users/u1/recommendations", n=1000)
    found = {item["item_id"]: item for item in answer["items"]}
    assert found["cold-odd"]["cold"]
    assert [item for item in found if found[item]["cold"]] == ["cold-odd"]
    assert {"cold-none", "cold-new"}.isdisjoint(found)
    other = await trained.get("/users/u2/recommendations", n=1000)
    assert found["cold-odd"]["score"] > {item["item_id"]: item for item in other["items"]}["cold-odd"]["score"]
    assert "cold-odd" in ids(await trained.get("/users/u1/recommendations", n=1000, category="odd"))
    assert "cold-odd" not in ids(await trained.get("/users/u1/recommendations", n=1000, category="even"))


async def test_pages_go_on_with_the_supplement_they_began_with(trained: Service):
    await trained.describe([("cold-1", "A", ["odd", "all"]), ("cold-2", "B", ["odd", "all"])])
    await supplement(trained)
    full = ids(await trained.get("/users/u1/recommendations", n=1000))
    page = await trained.get("/users/u1/recommendations", n=6)
    found = ids(page)
    await trained.describe([("another", "C", ["odd", "all"])])
    await supplement(trained)
    while page["next_cursor"]:
        page = await trained.get("/users/u1/recommendations", cursor=page["next_cursor"])
        found += ids(page)
    assert found == full
    assert "another" in ids(await trained.get("/users/u1/recommendations", n=1000))
    popular = ids(await trained.get("/items/popular", n=1000))
    assert sorted(popular) == sorted([f"i{item:02}" for item in range(60)] + ["another", "cold-1", "cold-2"])


async def test_equal_scores_are_in_the_order_of_ids(trained: Service):
    await trained.describe([(name, "", ["odd"]) for name in ("zz", "aa", "mm")])
    await supplement(trained)
    order = ids(await trained.get("/users/u1/recommendations", n=1000))
    assert [item for item in order if item in {"zz", "aa", "mm"}] == ["aa", "mm", "zz"]


async def test_nothing_new_publishes_nothing(trained: Service):
    supplementer = Supplementer(trained.store, trained.settings)
    assert await asyncio.to_thread(supplementer.supplement) is None
    await trained.describe([("cold", "", ["odd"])])
    assert await asyncio.to_thread(supplementer.supplement) == 1
    await trained.rate([("u1", "i03", 3.0)])
    assert await asyncio.to_thread(supplementer.supplement) is None
    await trained.rate([("u1", "cold", 3.0)])
    assert await asyncio.to_thread(supplementer.supplement) == 2


async def test_a_training_takes_them_over(trained: Service):
    await trained.rate([(f"u{user}", "new-odd", 5.0) for user in range(1, 40, 2)])
    await supplement(trained)
    await trained.train()
    assert current(trained).identity == (2, 0)
    assert current(trained).model.items.item_ids.find("new-odd") is not None


async def test_a_hidden_new_item_stays_hidden(trained: Service):
    await trained.client.put("/items/cold", json={"categories": ["odd"], "hidden": True})
    await supplement(trained)
    assert "cold" not in ids(await trained.get("/users/u1/recommendations", n=1000))
    await trained.client.patch("/items/cold", json={"hidden": False, "title": "Shown"})
    await trained.until(lambda: current(trained).title(60) == "Shown")
    assert "cold" in ids(await trained.get("/users/u1/recommendations", n=1000))
    await trained.client.delete("/items/cold")
    await trained.until(lambda: 60 in current(trained).deleted)
    assert "cold" not in ids(await trained.get("/users/u1/recommendations", n=1000))
