"""Answers while the store cannot be reached: from the version's own users, and marked as such."""

import asyncio

import pytest

from app.errors import StoreUnavailableError
from app.storage import guarded_reader
from app.storage.guarded_reader import Guard
from tests.integration.questions.test_recommendations import ids
from tests.service import Service


class Broken:
    async def read(self, user_id):
        raise StoreUnavailableError("gone")


def break_store(service: Service) -> None:
    object.__setattr__(service.state.recommender, "reader", Broken())


async def test_the_version_answers_for_those_it_was_trained_on(trained: Service):
    before = await trained.get("/users/u1/recommendations", n=1000)
    rated = {item["item_id"] for item in (await trained.get("/users/u1/ratings", n=1000))["items"]}
    break_store(trained)
    after = await trained.get("/users/u1/recommendations", n=1000)
    assert (before["degraded"], after["degraded"]) == (False, True)
    assert after["strategy"] == "personal"
    assert rated.isdisjoint(ids(after))
    assert ids(after) == ids(before)  # nothing was rated since, so folding in gives the trained row
    for one, other in zip(before["items"], after["items"], strict=True):
        assert one["score"] == pytest.approx(other["score"], abs=1e-3)


async def test_strangers_get_what_is_popular(trained: Service):  # and are told that it is half an answer: oryx #354
    break_store(trained)
    answer = await trained.get("/users/nobody/recommendations")
    assert (answer["degraded"], answer["strategy"]) == (True, "popular")
    assert ids(answer) == ids(await trained.get("/items/popular"))


@pytest.mark.parametrize(
    "body",
    [{"user_id": "u1"}, {"user_ids": ["u1", "u2"], "explain": True}, {"ratings": [{"item_id": "i01", "value": 5}]}],
)
async def test_questions_with_a_body_are_answered_too(trained: Service, body):
    break_store(trained)
    answer = await trained.post("/recommendations", body | {"n": 3})
    assert len(ids(answer)) == 3
    assert answer["degraded"] == ("ratings" not in body)


@pytest.mark.parametrize(
    "body", [{"user_ids": ["u1", "u2", "nobody"]}, {"user_id": "u1", "candidates": ["i07", "i02", "i05", "unknown"]}]
)
async def test_groups_and_given_lists_are_answered_from_what_was_trained(trained: Service, body):
    before = await trained.post("/recommendations", body | {"n": 1000})
    predicted = await trained.get("/users/u1/predictions", item=["i01", "i02"])
    break_store(trained)
    after = await trained.post("/recommendations", body | {"n": 1000})
    assert (after["degraded"], after["strategy"], ids(after)) == (True, "personal", ids(before))
    for one, other in zip(before["items"], after["items"], strict=True):
        assert one["score"] == pytest.approx(other["score"], abs=1e-3)
    for one, other in zip(
        predicted["items"], (await trained.get("/users/u1/predictions", item=["i01", "i02"]))["items"], strict=True
    ):
        assert one["score"] == pytest.approx(other["score"], abs=1e-3)


async def test_pages_and_reasons_go_on(trained: Service):
    break_store(trained)
    full = await trained.get("/users/u1/recommendations", n=1000, explain=True)
    first = await trained.get("/users/u1/recommendations", n=20)
    second = await trained.get("/users/u1/recommendations", n=1000, cursor=first["next_cursor"])
    assert ids(first) + ids(second) == ids(full)
    assert second["degraded"]


async def test_a_version_names_no_user(trained: Service):
    await trained.rate([("jane.doe@example.org", "i01", 5.0)])
    folder = trained.settings.models_dir / str(await trained.train())
    assert not [path.name for path in folder.iterdir() if b"jane.doe" in path.read_bytes()]
    live = trained.state.live
    assert live.current
    assert live.current.model.users
    assert live.user_secret
    assert live.current.model.users.find("jane.doe@example.org", b"another secret") is None
    assert live.current.model.users.find("jane.doe@example.org", live.user_secret) is not None


async def test_nothing_to_answer_from_is_an_error_that_says_so(service: Service):
    break_store(service)
    problem = await service.get("/users/u1/recommendations", 503)
    assert problem["type"] == "urn:foldin:problem:store-unavailable"


async def test_a_slow_store_is_not_waited_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(guarded_reader, "PAUSE_SECONDS", 3600)
    begun = []

    async def slow():
        begun.append(True)
        await asyncio.Event().wait()

    guard = Guard(0.25)
    for _ in range(5):
        with pytest.raises(StoreUnavailableError):
            await guard.read(slow())
    assert len(begun) == 3  # then the circuit is open, and nobody waits for anything


async def test_the_store_is_asked_again_after_a_pause(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(guarded_reader, "PAUSE_SECONDS", 0.1)

    async def fail():
        raise StoreUnavailableError("gone")

    async def answer():
        return 42

    guard = Guard(0.25)
    for _ in range(4):
        with pytest.raises(StoreUnavailableError):
            await guard.read(fail())
    await asyncio.sleep(0.15)
    assert await guard.read(answer()) == 42
    assert await guard.read(answer()) == 42
