"""Items like items, users like users, predicted ratings, and the lists for everyone."""

import numpy as np
import pytest

from tests.integration.questions.test_recommendations import ids
from tests.service import Service

DAY = 86_400


async def test_items_of_a_kind_are_alike(trained: Service):
    answer = await trained.get("/items/i05/similar", n=10)
    assert "i05" not in ids(answer)
    assert sum(int(item[1:]) % 2 for item in ids(answer)) >= 9
    assert all(-1 <= item["score"] <= 1 for item in answer["items"])
    assert ids(await trained.get("/items/i05/similar", n=60, category="even")) == [
        item for item in ids(await trained.get("/items/i05/similar", n=60)) if int(item[1:]) % 2 == 0
    ]


async def test_both_metrics_are_what_they_are_called(trained: Service):
    model = trained.state.live.current.model  # type: ignore[union-attr]
    vectors = model.factors.item_factors[:]
    seed = model.items.item_ids.find("i05")
    products = vectors @ vectors[seed]
    for metric, scores in (
        ("dot", products),
        ("cosine", products / np.linalg.norm(vectors, axis=1) / np.linalg.norm(vectors[seed])),
    ):
        answer = await trained.get("/items/i05/similar", n=1000, metric=metric)
        for item in answer["items"]:
            assert item["score"] == pytest.approx(scores[model.items.item_ids.find(item["item_id"])], abs=1e-5)
        shown = [item["score"] for item in answer["items"]]
        assert (len(shown), shown) == (59, sorted(shown, reverse=True))


async def test_shared_categories_count_beside_taste(trained: Service):
    pure = await trained.get("/items/i05/similar", n=1000, metric="cosine")
    blended = {item["item_id"]: item["score"] for item in (await trained.get("/items/i05/similar", n=1000))["items"]}
    for item in pure["items"]:
        alike = 1.0 if int(item["item_id"][1:]) % 2 else 0.0  # every item has one category, odd or even
        assert blended[item["item_id"]] == pytest.approx(0.75 * item["score"] + 0.25 * alike, abs=1e-5)


async def test_several_seeds_are_one_question(trained: Service):
    one = await trained.get("/items/i05/similar", n=20)
    same = await trained.post("/items/similar", {"item_ids": ["i05", "i05", "unknown"], "n": 20})
    assert one["items"] == same["items"]
    two = await trained.post("/items/similar", {"item_ids": ["i05", "i06"], "n": 60})
    assert {"i05", "i06"}.isdisjoint(ids(two))
    assert len(ids(two)) == 58
    await trained.post("/items/similar", {"item_ids": ["unknown"]}, 404)
    await trained.post("/items/similar", {"item_ids": []}, 422)
    await trained.get("/items/unknown/similar", 404)


async def test_users_of_a_kind_are_alike(trained: Service):
    answer = await trained.get("/users/u1/similar", n=39)
    found = [user["user_id"] for user in answer["users"]]
    assert sorted(found) == sorted(f"u{user}" for user in range(40) if user != 1)
    assert sum(int(user[1:]) % 2 for user in found[:10]) >= 9
    assert (await trained.get("/users/nobody/similar"))["users"] == []


async def test_an_erased_user_is_not_found_similar(trained: Service):
    (first, *_) = (await trained.get("/users/u1/similar"))["users"]
    await trained.client.delete(f"/users/{first['user_id']}")
    after = [user["user_id"] for user in (await trained.get("/users/u1/similar", n=1000))["users"]]
    assert first["user_id"] not in after
    assert len(after) == 38


async def test_a_prediction_is_on_the_scale(trained: Service):
    answer = await trained.get("/users/u1/predictions", item=["i05", "i06", "unknown"])
    odd, even, unknown = answer["items"]
    listed = await trained.get("/users/u1/recommendations", n=60, exclude_rated=False)
    scores = {item["item_id"]: item["score"] for item in listed["items"]}
    assert odd["score"] == pytest.approx(scores["i05"], abs=1e-5)
    assert unknown == {"item_id": "unknown", "score": None, "value": None, "standard_deviation": None}
    assert odd["score"] > even["score"]
    if odd["value"] is not None:
        assert 0 <= even["value"] < odd["value"] <= 5
        assert odd["standard_deviation"] > 0
    await trained.get("/users/u1/predictions", 422)


async def test_trending_forgets(trained: Service):
    old = [{"user_id": f"x{user}", "item_id": "i10", "value": 4, "timestamp": DAY} for user in range(30)]
    now = [{"user_id": f"x{user}", "item_id": "i20", "value": 4, "timestamp": 100 * DAY} for user in range(9)]
    for user in range(40):  # what the fixture rated was rated now
        await trained.client.delete(f"/users/u{user}")
    await trained.post("/ratings", old + now)
    trained.state.trending._again_at = 0
    answer = await trained.get("/items/trending", n=2)
    assert ids(answer)[0] == "i20"
    assert answer["items"][0]["score"] == pytest.approx(9)
    week_before = [{"user_id": f"x{user}", "item_id": "i11", "value": 4, "timestamp": 93 * DAY} for user in range(9)]
    await trained.post("/ratings", week_before)
    trained.state.trending._again_at = 0
    answer = await trained.get("/items/trending", n=2, category="all")
    assert [item["score"] for item in answer["items"]] == pytest.approx([9, 4.5])
    assert ids(await trained.get("/items/trending", n=1, category="odd")) == ["i11"]


async def test_latest_are_those_added_last(trained: Service):
    await trained.describe([("a-new", "New", ["odd"]), ("b-new", "Newer", ["even"])])
    assert ids(await trained.get("/items/latest", n=2)) == ["b-new", "a-new"]
    assert ids(await trained.get("/items/latest", n=1, category="odd")) == ["a-new"]
    assert len(ids(await trained.get("/items/latest", n=1000))) == 62


@pytest.mark.parametrize("chart", ["popular", "trending", "latest"])
async def test_charts_answer_on_empty_data(service: Service, chart):  # gorse #483 and #485
    assert ids(await service.get(f"/items/{chart}")) == []
