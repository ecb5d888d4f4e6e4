"""Getting to know a newcomer."""

from typing import Any

import pytest

from tests.integration.questions.test_recommendations import ids
from tests.service import Service


async def test_questions_adapt_to_the_answers(trained: Service):
    first = await trained.get("/onboarding", n=3)
    assert len(ids(first)) == 3
    (asked, *_) = ids(first)
    loved = await trained.post("/onboarding", {"ratings": [{"item_id": asked, "value": 5}], "n": 60})
    assert asked not in ids(loved)
    assert len(ids(loved)) == 59
    unknown = await trained.post("/onboarding", {"ratings": [{"item_id": asked, "value": None}], "n": 60})
    assert ids(unknown) != ids(loved)
    assert ids(await trained.get("/onboarding", category="odd", n=100))[0] in {
        f"i{item:02}" for item in range(1, 60, 2)
    }


async def test_two_answers_are_enough_for_a_good_list(trained: Service):
    ratings: list[dict[str, Any]] = []
    for _ in range(4):
        (asked,) = ids(await trained.post("/onboarding", {"ratings": ratings, "n": 1}))
        is_odd = int(asked[1:]) % 2 == 1
        ratings.append({"item_id": asked, "value": 5.0 if is_odd else 0.5})
    answer = await trained.post("/recommendations", {"ratings": ratings})
    assert sum(int(item[1:]) % 2 for item in ids(answer)) >= 9


async def test_it_asks_about_popular_items_before_there_is_a_model(service: Service):
    assert ids(await service.get("/onboarding")) == []
    await service.rate([("a", "x", 5), ("b", "x", 5), ("b", "y", 5)])
    service.state.recommender.popularity._read_at = float("-inf")  # what was counted is remembered for a second
    assert ids(await service.get("/onboarding")) == ["x", "y"]
    assert ids(await service.post("/onboarding", {"ratings": [{"item_id": "x", "value": 3}]})) == ["y"]


@pytest.mark.parametrize("body", [{"n": 0}, {"n": 1001}, {"ratings": [{"item_id": "x", "value": 9}]}, {"unknown": 1}])
async def test_what_makes_no_sense_is_refused(trained: Service, body):
    assert "errors" in await trained.post("/onboarding", body, 422)
