"""Large bodies are taken apart one after another, however many come at once."""

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

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b" " * 100_000, "more_body": False}

    def request() -> Request:
        app = SimpleNamespace(state=SimpleNamespace(body_room=room))
        headers = [(b"content-type", b"application/json")]
        return Request({"type": "http", "app": app, "headers": headers}, receive)

    await asyncio.gather(*(read_json(request(), read_small, read_large) for _ in range(n_bodies)))
    return most


def test_large_bodies_take_turns() -> None:
    assert asyncio.run(_most_at_once(BodyRoom(), 0.05)) == 1
    without_turns: Any = BodyRoom()
    without_turns.turn = nullcontext()
    assert asyncio.run(_most_at_once(without_turns, 60)) == 3
