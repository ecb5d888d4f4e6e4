"""Ratings as NDJSON: stored in parts, and an answer that says how far it came."""

import json
import tracemalloc
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from app.config import Settings
from app.main import create_app


@pytest.fixture
async def client(database_url: str, tmp_path) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(Settings(database_url=database_url, data_dir=tmp_path))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as it,
    ):
        yield it


def lines(n_lines: int, **changes: object) -> list[bytes]:
    return [
        json.dumps({"user_id": f"u{n % 700}", "item_id": f"i{n}", "value": 3.5, "timestamp": n} | changes).encode()
        for n in range(n_lines)
    ]


async def send(client: httpx.AsyncClient, body: bytes, kind: str = "application/x-ndjson") -> httpx.Response:
    return await client.post("/ratings", content=body, headers={"content-type": kind})


async def test_every_line_is_stored_once(client):
    body = b"\n".join(lines(12_345)) + b"\n"
    answer = await send(client, body)
    assert answer.json() == {"n_lines": 12_345, "accepted": 12_345, "created": 12_345, "updated": 0, "ignored": 0}
    assert (await send(client, body.replace(b"\n", b"\r\n"))).json()["updated"] == 12_345
    page = (await client.get("/users/u0/ratings")).json()
    assert len(page["items"]) == 18


async def test_a_bad_line_stops_it_and_is_named(client):
    body = lines(9_000)
    body[7_000] = b'{"user_id":"a","item_id":"b","value":99}'
    body.insert(10, b"")  # an empty line counts as a line, and is no rating
    answer = await send(client, b"\n".join(body))
    document = answer.json()
    assert answer.status_code == 422
    assert document["errors"] == [{"pointer": "/7002/value", "reason": "must be a number from 0 to 5"}]
    assert (document["n_lines"], document["accepted"]) == (7_001, 7_000)
    again = await send(client, b"\n".join(body[:7_001]))
    assert again.json()["updated"] == 7_000


async def test_a_line_that_is_no_json_is_named_once(client):
    answer = await send(client, lines(1)[0] + b"\n{bad}\n")
    assert answer.json()["errors"] == [{"pointer": "/2", "reason": "Invalid JSON: key must be a string at column 2"}]


@pytest.mark.parametrize("body", [b"", b"\n\n", b"\n"])
async def test_nothing_is_fine(client, body):
    answer = await send(client, body)
    assert (answer.status_code, answer.json()["accepted"]) == (200, 0)


async def test_a_line_without_end_is_refused(client):
    answer = await send(client, lines(1)[0] + b"\n" + b"x" * 2_000_000)
    assert answer.status_code == 422
    assert answer.json()["accepted"] == 1


async def test_memory_does_not_grow_with_the_stream(client):
    part = b"\n".join(lines(2_000)) + b"\n"

    def endless(n_parts: int) -> Iterator[bytes]:
        yield from (part for _ in range(n_parts))

    async def peak(n_parts: int) -> int:
        async def chunks() -> AsyncIterator[bytes]:
            for chunk in endless(n_parts):
                yield chunk

        tracemalloc.reset_peak()
        answer = await client.post("/ratings", content=chunks(), headers={"content-type": "application/x-ndjson"})
        assert answer.json()["accepted"] == 2_000 * n_parts
        return tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    try:
        assert await peak(40) < 20_000_000  # all of it at once would be 40 MB
    finally:
        tracemalloc.stop()
