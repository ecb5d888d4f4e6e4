"""GET /users/{id}/recommendations: filters, reasons, diversity and exploration, on both stores."""

import asyncio
from typing import Any

import pytest

from tests.service import Service


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in answer["items"]]


@pytest.mark.parametrize("parameters", [{}, {"exclude_rated": False}, {"category": ["odd"]}, {"n": 1000}])
async def test_the_reasons_add_up_to_the_score(trained: Service, parameters):
    answer = await trained.get("/users/u1/recommendations", explain=True, **parameters)
    plain = await trained.get("/users/u1/recommendations", **parameters)
    assert ids(answer) == ids(plain)
    for item in answer["items"]:
        assert len(item["because"]) == 3
        total = sum(reason["contribution"] for reason in item["because"])
        assert total + item["because_rest"] + item["because_everyone"] == pytest.approx(item["score"], abs=1e-4)
        assert "because" not in plain["items"][0]


async def test_the_reasons_are_the_largest_contributions(trained: Service):
    few = await trained.get("/users/u1/recommendations", explain=True, n=1)
    shown = [abs(reason["contribution"]) for reason in few["items"][0]["because"]]
    assert shown == sorted(shown, reverse=True)


async def test_reasons_of_someone_without_ratings_are_everyone(trained: Service):
    answer = await trained.get("/users/nobody/recommendations", explain=True, n=1)
    (item,) = answer["items"]
    assert answer["strategy"] == "popular"
    assert (item["because"], item["because_everyone"]) == ([], item["score"])


async def test_any_of_several_categories_passes(trained: Service):
    odd = await trained.get("/users/u0/recommendations", category=["odd"], n=1000)
    assert all(int(item[1:]) % 2 for item in ids(odd))
    both = await trained.get("/users/u0/recommendations", category=["odd", "even", "no such"], n=1000)
    assert ids(both) == ids(await trained.get("/users/u0/recommendations", n=1000))
    assert ids(await trained.get("/users/u0/recommendations", category=["no such"])) == []


async def test_n_means_n_after_all_filters(trained: Service):
    # implicit #557 and #736: fewer than n; gorse #637 and #835: categories filtered a short list
    rated = {item["item_id"] for item in (await trained.get("/users/u0/ratings", n=1000))["items"]}
    everything = await trained.get("/users/u0/recommendations", n=1000)
    assert len(ids(everything)) == 60 - len(rated)
    wanted = [item for item in ids(everything) if int(item[1:]) % 2]
    found = await trained.get("/users/u0/recommendations", category=["odd"], exclude=wanted[0], n=len(wanted) - 1)
    assert ids(found) == wanted[1:]


async def test_rated_items_do_not_return(trained: Service):  # gorse #831, #832, #833
    rated = {item["item_id"] for item in (await trained.get("/users/u0/ratings", n=1000))["items"]}
    assert rated.isdisjoint(ids(await trained.get("/users/u0/recommendations", n=1000)))
    assert len(ids(await trained.get("/users/u0/recommendations", n=1000, exclude_rated=False))) == 60


async def test_excluded_items_stay_out_even_twice(trained: Service):  # gorse #1234
    before = ids(await trained.get("/users/u0/recommendations", n=10))
    after = ids(await trained.get("/users/u0/recommendations", n=10, exclude=[before[0], before[0], "unknown"]))
    assert before[1:] == after[:9]


async def test_a_rating_counts_in_the_next_answer_without_training(trained: Service):
    # gorse #32 and #64, implicit #31 and #491; new users: implicit #152, #210, #343
    assert (await trained.get("/users/new/recommendations"))["strategy"] == "popular"
    await trained.rate([("new", "i01", 5.0)])
    liked = await trained.get("/users/new/recommendations", n=20)
    await trained.rate([("new", "i01", 0.5)])
    disliked = await trained.get("/users/new/recommendations", n=20)
    assert liked["strategy"] == disliked["strategy"] == "personal"
    assert ids(liked) != ids(disliked)  # implicit #114 and #385: dislikes count against


async def test_likes_of_a_kind_bring_that_kind(trained: Service):  # gorse #742 and #1223: everyone got the latest
    await trained.rate([("even", f"i{item:02}", 5.0) for item in range(0, 20, 2)])
    assert sum(int(item[1:]) % 2 == 0 for item in ids(await trained.get("/users/even/recommendations"))) >= 9


async def test_the_same_question_gets_the_same_answer(trained: Service):  # implicit #36 and #96
    answers = [await trained.get("/users/u3/recommendations", n=30) for _ in range(3)]
    assert answers[0]["items"] == answers[1]["items"] == answers[2]["items"]


async def test_diversity_mixes_the_kinds(trained: Service):
    def n_odd(answer):
        return sum(int(item[1:]) % 2 for item in ids(answer))

    alike = await trained.get("/users/u1/recommendations", n=10)
    mixed = await trained.get("/users/u1/recommendations", n=10, diversity=0.9)
    assert ids(mixed)[0] == ids(alike)[0]
    assert 0 < n_odd(mixed) < n_odd(alike)
    assert ids(await trained.get("/users/u1/recommendations", n=10, diversity=0)) == ids(alike)


async def test_an_exploration_can_be_repeated(trained: Service):
    once = await trained.get("/users/u1/recommendations", explore=0.5)
    again = await trained.get("/users/u1/recommendations", explore=0.5, seed=once["seed"])
    other = await trained.get("/users/u1/recommendations", explore=0.5, seed=once["seed"] + 1)
    assert once["items"] == again["items"] != other["items"]
    assert "seed" not in await trained.get("/users/u1/recommendations")


async def test_reasons_add_up_while_exploring(trained: Service):
    answer = await trained.get("/users/u1/recommendations", explore=1, explain=True)
    for item in answer["items"]:
        total = sum(reason["contribution"] for reason in item["because"])
        total += item["because_rest"] + item["because_everyone"] + item["because_exploration"]
        assert total == pytest.approx(item["score"], abs=1e-4)


async def test_it_explores_less_where_more_is_known(trained: Service):
    async def spread(user):
        lists = await asyncio.gather(
            *(trained.get(f"/users/{user}/recommendations", explore=0.3, seed=seed, n=5) for seed in range(20))
        )
        return len({item for answer in lists for item in ids(answer)})

    await trained.rate([("new", "i01", 5.0)])
    await trained.rate([("known", f"i{item:02}", 5.0 if item % 2 else 0.5) for item in range(40)])
    assert await spread("known") < await spread("new")
