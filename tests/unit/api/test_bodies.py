"""Bodies are taken apart one after another, however many come at once, so that others get their turns between them."""

import asyncio
from contextlib import nullcontext, suppress
from types import SimpleNamespace
from typing import Any

from fastapi import Request

from app.api.bodies import read_json
from app.api.limits import BodyRoom


async def _most_at_once(room: Any, patience_seconds: float, n_bodies: int = 3) -> int:
    all_are_there = asyncio.Event()
    n_now = most = 0

    async def read_large(_body: bytes) -> None:
        nonlocal n_now, most
        n_now += 1
        most = max(most, n_now)
        if most == n_bodies:
            all_are_there.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(all_are_there.wait(), patience_seconds)
        n_now -= 1

    def read_small(_body: bytes) -> None:
        raise AssertionError("a large body was read at once")

    await asyncio.gather(*(read_json(_request(room, 100_000), read_small, read_large) for _ in range(n_bodies)))
    return most


def _request(room: Any, n_bytes: int) -> Request:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b" " * n_bytes, "more_body": False}

    app = SimpleNamespace(state=SimpleNamespace(body_room=room))
    return Request({"type": "http", "app": app, "headers": [(b"content-type", b"application/json")]}, receive)


async def _turns_of_the_loop(room: Any) -> list[int]:
    n_turns = 0

    async def count_turns() -> None:
        nonlocal n_turns
        while True:
            n_turns += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        counting = tasks.create_task(count_turns())
        read = [tasks.create_task(read_json(_request(room, 20_000), lambda _body: n_turns)) for _ in range(5)]
        found = [await one for one in read]
        counting.cancel()
    return found


def test_others_get_a_turn_between_two_short_bodies() -> None:
    assert len(set(asyncio.run(_turns_of_the_loop(BodyRoom())))) == 5
    without_turns: Any = BodyRoom()
    without_turns.short_turn = nullcontext()
    assert len(set(asyncio.run(_turns_of_the_loop(without_turns)))) == 1


def test_long_bodies_take_turns() -> None:
    assert asyncio.run(_most_at_once(BodyRoom(), 0.05)) == 1
    without_turns: Any = BodyRoom()
    without_turns.long_turn = nullcontext()
    assert asyncio.run(_most_at_once(without_turns, 60)) == 3
