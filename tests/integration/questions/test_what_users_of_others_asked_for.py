"""What users of other recommenders reported, each impossible here: the test's name says what, a comment says where."""

import asyncio

import numpy as np
import pytest

from tests.integration.questions.test_recommendations import ids
from tests.service import Service


async def test_rated_items_do_not_return(trained: Service):  # gorse #831, #832, #833
    for turn in range(5):
        shown = ids(await trained.get("/users/u1/recommendations", n=5))
        await trained.rate([("u1", item, 1.0 + turn % 5) for item in shown])
        assert set(shown).isdisjoint(ids(await trained.get("/users/u1/recommendations", n=1000)))


async def test_n_means_n_however_narrow_the_filter(trained: Service):  # gorse #637, #835; implicit #557, #736
    rated = {item["item_id"] for item in (await trained.get("/users/u1/ratings", n=1000))["items"]}
    left = [f"i{item:02}" for item in range(1, 60, 2) if f"i{item:02}" not in rated]
    for n in (1, len(left) - 1, len(left), len(left) + 1, 1000):
        found = ids(await trained.get("/users/u1/recommendations", n=n, category="odd"))
        assert len(found) == min(n, len(left))
        assert set(found) <= set(left)
    assert ids(await trained.get("/users/u1/recommendations", category="nothing is in it")) == []


async def test_excluding_the_same_item_twice_excludes_it_once(trained: Service):  # gorse #1234
    full = ids(await trained.get("/users/u1/recommendations", n=1000))
    found = ids(await trained.get("/users/u1/recommendations", n=1000, exclude=[full[0], full[0], "unknown", full[2]]))
    assert found == [full[1], *full[3:]]


async def test_everything_excluded_is_an_empty_list_and_its_end(trained: Service):  # gorse #483, #485
    answer = await trained.post("/recommendations", {"user_id": "u1", "exclude": [f"i{item:02}" for item in range(60)]})
    assert (answer["items"], answer["next_cursor"]) == ([], None)
    for item in range(60):
        await trained.client.patch(f"/items/i{item:02}", json={"hidden": True})
    current = trained.state.live.current
    assert current
    await trained.until(lambda: trained.state.live.current is not None and trained.state.live.current.hidden.all())
    assert (await trained.get("/users/u1/recommendations"))["items"] == []
    assert (await trained.get("/users/nobody/recommendations"))["items"] == []


async def test_likes_move_the_list_away_from_what_is_popular(trained: Service):  # gorse #742, #1223
    popular = await trained.get("/users/fan/recommendations", n=10)
    assert popular["strategy"] == "popular"
    await trained.rate([("fan", f"i{item:02}", 5.0) for item in range(0, 12, 2)])
    personal = await trained.get("/users/fan/recommendations", n=10)
    assert personal["strategy"] == "personal"
    n_even = [sum(int(item[1:]) % 2 == 0 for item in ids(answer)) for answer in (personal, popular)]
    assert n_even[0] > n_even[1]


async def test_a_dislike_counts_against(trained: Service):  # implicit #114, #385; gorse #175, #685
    liked = await trained.post("/recommendations", {"ratings": [{"item_id": "i02", "value": 5}], "n": 59})
    disliked = await trained.post("/recommendations", {"ratings": [{"item_id": "i02", "value": 0}], "n": 59})
    place = {
        name: [ids(answer).index(f"i{item:02}") for item in range(4, 60, 2)]
        for name, answer in (("liked", liked), ("disliked", disliked))
    }
    assert np.mean(place["liked"]) < np.mean(place["disliked"])


async def test_more_stars_count_more(trained: Service):  # gorse #685, #851, #1010: every rating counted as one
    scores = []
    for value in (0.5, 2, 3.5, 5):
        answer = await trained.post("/recommendations", {"ratings": [{"item_id": "i02", "value": value}], "n": 59})
        scores.append({item["item_id"]: item["score"] for item in answer["items"]})
    for item in range(4, 60, 2):
        rising = [of_value[f"i{item:02}"] for of_value in scores]
        assert rising == sorted(rising)
        assert rising[0] < rising[-1]


async def test_swaps_to_larger_and_smaller_models_break_no_question(trained: Service):  # gorse #511, #747, #787
    is_over, versions = False, set()

    async def ask(user: str) -> None:
        cursor = None
        while not is_over:
            if cursor is None:
                answer = await trained.get(f"/users/{user}/recommendations", n=20, explain=True)
            else:
                answer = await trained.get(f"/users/{user}/recommendations", cursor=cursor)
            cursor = answer["next_cursor"]
            versions.add(answer["model_version"])
            assert len(set(ids(answer))) == len(ids(answer))
            await trained.post("/recommendations", {"user_ids": [user, "u2"], "n": 1000, "explain": True})
            await trained.get("/items/i01/similar", n=1000)

    async with asyncio.TaskGroup() as asking:
        for user in ("u1", "u3", "nobody"):
            asking.create_task(ask(user))
        try:
            await trained.until(lambda: versions == {1})
            await trained.rate((f"u{user}", f"new{item}", 4.0) for user in range(20) for item in range(40))
            await trained.train()
            for item in range(40):
                assert (await trained.client.delete(f"/items/new{item}")).status_code == 204
            last = await trained.train()
            await trained.until(lambda: last in versions)
        finally:
            is_over = True


async def test_equal_questions_have_equal_answers(trained: Service):  # implicit #36, #96
    assert await trained.get("/users/u1/recommendations") == await trained.get("/users/u1/recommendations")


@pytest.mark.parametrize("n", [1, 10])
async def test_a_rating_counts_without_a_training(trained: Service, n):  # gorse #32, #64; implicit #31, #491, #152
    before = await trained.get("/users/new/recommendations", n=n)
    await trained.rate([("new", "i01", 5.0)])
    after = await trained.get("/users/new/recommendations", n=n)
    assert before["model_version"] == after["model_version"]
    assert (before["strategy"], after["strategy"]) == ("popular", "personal")
    assert "i01" not in ids(after)


async def test_a_deleted_item_is_gone_without_a_training(trained: Service):  # implicit, oryx: deletes wait for a batch
    (first, *_) = ids(await trained.get("/users/u1/recommendations"))
    assert (await trained.client.delete(f"/items/{first}")).status_code == 204

    async def is_gone() -> bool:
        return first not in ids(await trained.get("/users/u1/recommendations", n=1000))

    current = trained.state.live.current
    await trained.until(lambda: trained.state.live.current is not current)
    assert await is_gone()
