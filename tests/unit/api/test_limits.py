"""Too many requests at a time, or one that takes too long, are refused with a problem that says when to come back."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import httpx
import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from app.api import bodies
from app.api.bodies import ValueCounter
from app.api.limits import BodyRoom, Limits
from tests.http_server import serving


def client_of(limits: ASGIApp, address: str = "10.0.0.1") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(limits, client=(address, 1)), base_url="http://foldin")


class Gate:
    """An application that answers when it is told to."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.n_waiting = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = await Request(scope, receive).body()
        self.n_waiting += 1
        await self.opened.wait()
        await Response(body)(scope, receive, send)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_more_requests_than_can_be_worked_on_are_refused():
    gate = Gate()
    limits = Limits(gate, max_requests=4, max_requests_of_one=3)
    one, other = client_of(limits), client_of(limits, "10.0.0.2")
    waiting = [asyncio.create_task(one.get("/")) for _ in range(3)]
    await until(lambda: gate.n_waiting == 3)
    refused = await one.get("/")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    waiting.append(asyncio.create_task(other.get("/")))
    await until(lambda: gate.n_waiting == 4)
    refused = await other.get("/")
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:foldin:problem:overloaded")
    gate.opened.set()
    assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [200] * 4
    assert (await one.get("/")).status_code == 200


async def test_a_request_that_is_still_coming_takes_nobodys_place():
    gate = Gate()
    gate.opened.set()
    client, sent = client_of(Limits(gate, max_requests=1, max_requests_of_one=1, budget_seconds=1.0)), asyncio.Event()

    async def slow_body() -> Any:
        yield b"a"
        await sent.wait()
        yield b"b"

    slow = asyncio.create_task(client.post("/", content=slow_body()))
    await asyncio.sleep(1.5)  # longer than the service may work on it
    assert (await client.get("/")).status_code == 200
    sent.set()
    assert (await slow).text == "ab"


@pytest.mark.parametrize(("budget_seconds", "status"), [(0.1, 503), (30, 200)])
async def test_work_that_takes_too_long_is_given_up(budget_seconds: float, status: int):
    gate = Gate()
    asyncio.get_running_loop().call_later(0.5, gate.opened.set)
    answer = await client_of(Limits(gate, budget_seconds=budget_seconds)).get("/")
    assert answer.status_code == status
    assert ("retry-after" in answer.headers) == (status == 503)


def test_large_bodies_share_a_room():
    room = BodyRoom(100)
    room.take(60)
    with pytest.raises(HTTPException) as refused:
        room.take(50)
    assert refused.value.status_code == 503
    room.give_back(60)
    room.take(100)


@pytest.mark.parametrize("bomb", [b"[" + b"[]," * 2_600_000 + b"1]", b"[" + b"1," * 3_900_000 + b"1]"])
async def test_a_body_of_too_many_values_is_refused_before_the_rest_of_it_has_come(bomb: bytes):
    counter, n_come = ValueCounter(), len(bomb) // 2
    with pytest.raises(HTTPException) as refused:
        await counter.count([bomb[:n_come]])
    assert refused.value.status_code == 413


@pytest.mark.parametrize("n_bytes", [1, 7, 65_536, 100_001])
@pytest.mark.parametrize("filling", [rb",,[[{\"", rb",\\\",[", b",[", rb"\\\\,"])
async def test_commas_and_brackets_within_strings_are_no_values(filling: bytes, n_bytes: int, monkeypatch):
    monkeypatch.setattr(bodies, "MAX_VALUES", 10)
    counter, body = ValueCounter(), b'["' + filling * 20_000 + b'"' + b',"\\\\"' * 9
    ends = [*range(n_bytes, min(len(body), 50 * n_bytes), n_bytes), len(body)]
    parts: list[bytes] = []
    for start, end in pairwise([0, *ends]):
        parts.append(body[start:end])
        await counter.count(parts)
    with pytest.raises(HTTPException):
        await counter.count([*parts, b",]"])


@pytest.mark.parametrize(("trusted", "statuses"), [(["127.0.0.0/8"], [200, 429, 200]), ([], [200, 429, 429])])
def test_behind_a_proxy_that_is_trusted_each_client_has_its_own_limit(trusted: list[str], statuses: list[int]):
    entered, may_answer = threading.Event(), threading.Event()

    async def hold(scope: Any, receive: Any, send: Any) -> None:
        entered.set()
        await asyncio.to_thread(may_answer.wait)
        await Response("")(scope, receive, send)

    limits = Limits(hold, max_requests_of_one=1)

    def ask(port: int, client: str) -> int:
        headers = {"X-Forwarded-For": f"spoofed, {client}"}
        return httpx.get(f"http://127.0.0.1:{port}", headers=headers, timeout=120).status_code

    with serving(limits, trusted_proxies=trusted, lifespan="off") as port, ThreadPoolExecutor(3) as threads:
        first = threads.submit(ask, port, "1.2.3.4")
        assert entered.wait(120)
        second = threads.submit(ask, port, "1.2.3.4").result(120)
        entered.clear()
        third = threads.submit(ask, port, "5.6.7.8")
        while not (third.done() or entered.is_set()):
            entered.wait(0.01)
        may_answer.set()
        assert [first.result(120), second, third.result(120)] == statuses
