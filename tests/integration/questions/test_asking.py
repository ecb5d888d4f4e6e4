"""POST /recommendations: visitors, what-ifs, groups and given lists."""

from typing import Any

import pytest

from tests.integration.questions.test_recommendations import ids
from tests.service import Service


async def own_ratings(service: Service, user: str) -> list[dict[str, Any]]:
    listed = await service.get(f"/users/{user}/ratings", n=1000)
    return [{"item_id": item["item_id"], "value": item["value"]} for item in listed["items"]]


async def test_a_user_id_in_a_body_is_the_same_question(trained: Service):
    asked = await trained.post("/recommendations", {"user_id": "u1", "n": 7, "category": ["odd"], "explain_limit": 2})
    plain = await trained.get("/users/u1/recommendations", n=7, category="odd", explain=True)
    assert ids(asked) == ids(plain)
    assert all(len(item["because"]) == 2 for item in asked["items"])


async def test_a_visitor_with_the_same_ratings_gets_the_same_list(trained: Service):  # gorse #419: guests
    answer = await trained.post("/recommendations", {"ratings": await own_ratings(trained, "u1"), "n": 20})
    assert answer["user_id"] is None
    assert answer["items"] == (await trained.get("/users/u1/recommendations", n=20))["items"]


async def test_nobody_at_all_gets_what_is_popular(trained: Service):
    answer = await trained.post("/recommendations", {})
    assert answer["strategy"] == "popular"
    assert ids(answer) == ids(await trained.get("/items/popular"))


async def test_a_what_if_is_what_would_be(trained: Service):
    changes: list[Any] = [{"item_id": "i01", "value": 0.5}, {"item_id": "i02", "value": 5}]
    what_if = await trained.post("/recommendations", {"user_id": "u1", "ratings": changes, "compare": True, "n": 15})
    before = await trained.get("/users/u1/recommendations", n=15)
    assert what_if["unchanged"]["items"] == before["items"]
    await trained.rate([("u1", change["item_id"], change["value"]) for change in changes])
    assert what_if["items"] == (await trained.get("/users/u1/recommendations", n=15))["items"] != before["items"]


async def test_a_what_if_takes_a_rating_away(trained: Service):
    (first, *_) = await own_ratings(trained, "u1")
    body = {"user_id": "u1", "ratings": [{"item_id": first["item_id"], "value": None}], "n": 60}
    what_if = await trained.post("/recommendations", body)
    await trained.client.delete(f"/users/u1/ratings/{first['item_id']}")
    assert what_if["items"] == (await trained.get("/users/u1/recommendations", n=60))["items"]
    assert first["item_id"] in ids(what_if)


@pytest.mark.parametrize(("aggregate", "combine"), [("mean", lambda s: sum(s) / len(s)), ("least_misery", min)])
async def test_a_group_gets_what_its_members_scores_come_to(trained: Service, aggregate, combine):
    users = ["u1", "u2", "u4"]
    body = {"user_ids": users, "aggregate": aggregate, "n": 60, "exclude_rated": False}
    answer = await trained.post("/recommendations", body)
    alone = {}
    for user in users:
        listed = await trained.get(f"/users/{user}/recommendations", n=60, exclude_rated=False)
        alone[user] = {item["item_id"]: item["score"] for item in listed["items"]}
    assert len(ids(answer)) == 60
    for item in answer["items"]:
        for member in item["members"]:
            assert member["score"] == pytest.approx(alone[member["user_id"]][item["item_id"]], abs=1e-5)
        assert item["score"] == pytest.approx(combine([member["score"] for member in item["members"]]), abs=1e-5)
    scores = [item["score"] for item in answer["items"]]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("aggregate", ["mean", "least_misery"])
async def test_a_group_has_pages(trained: Service, aggregate):
    body: dict[str, Any] = {"user_ids": ["u1", "u2"], "aggregate": aggregate}
    full = await trained.post("/recommendations", body | {"n": 1000})
    rated = {entry["item_id"] for user in ("u1", "u2") for entry in await own_ratings(trained, user)}
    assert rated.isdisjoint(ids(full))
    found, page = [], await trained.post("/recommendations", body | {"n": 4})
    found += page["items"]
    while page["next_cursor"]:
        page = await trained.post("/recommendations", {"cursor": page["next_cursor"]})
        found += page["items"]
    assert [item["item_id"] for item in found] == ids(full)


async def test_given_candidates_are_all_ranked(trained: Service):
    rated = [entry["item_id"] for entry in await own_ratings(trained, "u1")]
    wanted = ["unknown", *rated[:3], "i01", "i02", "i01"]
    answer = await trained.post("/recommendations", {"user_id": "u1", "candidates": wanted, "n": 1})
    listed = await trained.get("/users/u1/recommendations", n=60, exclude_rated=False)
    order = [item for item in ids(listed) if item in wanted]
    assert ids(answer) == [*order, "unknown"]
    assert answer["items"][-1]["score"] is None
    assert answer["next_cursor"] is None


async def test_reasons_can_be_all(trained: Service):
    n_rated = len(await own_ratings(trained, "u1"))
    answer = await trained.post("/recommendations", {"user_id": "u1", "explain_limit": 10_000, "n": 2})
    for item in answer["items"]:
        assert len(item["because"]) == n_rated
        total = sum(reason["contribution"] for reason in item["because"]) + item["because_everyone"]
        assert total == pytest.approx(item["score"], abs=1e-4)


def reasons_of(entry: dict[str, Any]) -> Any:
    contributions = sum(reason["contribution"] for reason in entry["because"])
    return contributions + entry["because_rest"] + entry["because_everyone"] + entry["because_exploration"]


@pytest.mark.parametrize(("aggregate", "combine"), [("mean", lambda s: sum(s) / len(s)), ("least_misery", min)])
@pytest.mark.parametrize("explore", [0.0, 0.5])
async def test_a_groups_reasons_add_up_to_each_members_score(trained: Service, aggregate, combine, explore):
    users = ["u1", "u2", "nobody"]
    body = {"user_ids": users, "aggregate": aggregate, "n": 4, "explain_limit": 2, "explore": explore}
    page = await trained.post("/recommendations", body)
    seen = ids(page)
    await trained.rate([("u1", seen[0], 0.5), ("nobody", seen[1], 5.0)])  # which changes nothing on later pages
    while page["next_cursor"] and len(seen) < 12:
        page = await trained.post("/recommendations", {"cursor": page["next_cursor"]})
        seen += ids(page)
        for item in page["items"]:
            assert [member["user_id"] for member in item["members"]] == users
            scores = [reasons_of(member) for member in item["members"]]
            assert scores == pytest.approx([member["score"] for member in item["members"]], abs=1e-4)
            assert combine(scores) == pytest.approx(item["score"], abs=1e-4)
            assert [len(member["because"]) for member in item["members"]] == [2, 2, 0]
            assert any(member["because_rest"] for member in item["members"][:2])
    assert len(seen) == len(set(seen)) == 12


async def test_a_member_of_a_group_has_the_reasons_of_the_user(trained: Service):
    alone = await trained.get("/users/u1/recommendations", explain=True, n=60)
    group = await trained.post("/recommendations", {"user_ids": ["u1"], "explain": True, "n": 60})
    for item, entry in zip(alone["items"], group["items"], strict=True):
        for name in ("because", "because_rest", "because_everyone"):
            assert entry["members"][0][name] == item[name]


@pytest.mark.parametrize("n", [100, 1000])  # at once and in a thread
async def test_a_long_exclude_list_is_taken(trained: Service, n):  # gorse #1234
    body = {"user_id": "u1", "exclude": [f"x{number}" for number in range(9_990)] + ["i01", "i03"], "n": n}
    listed = ids(await trained.get("/users/u1/recommendations", n=1000))
    assert ids(await trained.post("/recommendations", body)) == [item for item in listed if item not in {"i01", "i03"}]


async def test_everything_works_before_there_is_a_model(service: Service):
    await service.rate([("a", "x", 5), ("b", "x", 5), ("b", "y", 5)])
    assert ids(await service.post("/recommendations", {"ratings": [{"item_id": "x", "value": 5}]})) == ["y"]
    assert ids(await service.post("/recommendations", {"user_ids": ["a"]})) == ["y"]
    assert ids(await service.post("/recommendations", {"candidates": ["y", "x"]})) == ["y", "x"]


@pytest.mark.parametrize(
    "body",
    [
        {"user_id": "a", "user_ids": ["b"]},
        {"ratings": [{"item_id": "x", "value": 6}]},
        {"ratings": [{"item_id": "x", "value": "5"}]},
        {"compare": True},
        {"unknown": 1},
        {"n": 0},
        {"n": True},
        {"diversity": 1.5},
        {"exclude": ["x"] * 10_001},
        {"cursor": "nonsense"},
        [],
    ],
)
async def test_what_makes_no_sense_is_refused(trained: Service, body):
    assert "errors" in await trained.post("/recommendations", body, 422)
