"""A closed loop of HTTP clients that costs little itself: prepared requests on open connections."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Load:
    """What a number of clients got: requests per second, and latencies in milliseconds."""

    n_requests: int
    per_second: float
    p50: float
    p99: float


def post_request(url: str, body: bytes) -> bytes:
    """Write a POST of JSON to ``/ratings``."""
    host = urlsplit(url).netloc
    fields = f"Host: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    head = f"POST /ratings HTTP/1.1\r\n{fields}\r\n\r\n"
    return head.encode() + body


def get_request(url: str, path: str) -> bytes:
    """Write a GET."""
    return f"GET {path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n\r\n".encode()


def run_load(url: str, requests: Sequence[bytes], *, n_clients: int, seconds: float) -> Load:
    """Send requests from a number of clients, each waiting for its answer, until the time is over."""
    return asyncio.run(_run(url, requests, n_clients, seconds))


async def _run(url: str, requests: Sequence[bytes], n_clients: int, seconds: float) -> Load:
    latencies: list[float] = []
    position = iter(range(10**9))
    started = time.perf_counter()
    deadline = started + seconds

    async def client() -> None:
        address = urlsplit(url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        while time.perf_counter() < deadline:
            sent = time.perf_counter()
            writer.write(requests[next(position) % len(requests)])
            await _answer(reader)
            latencies.append(time.perf_counter() - sent)
        writer.close()

    await asyncio.gather(*(client() for _ in range(n_clients)))
    took = time.perf_counter() - started
    latencies.sort()
    return Load(
        len(latencies),
        len(latencies) / took,
        latencies[len(latencies) // 2] * 1e3,
        latencies[int(len(latencies) * 0.99)] * 1e3,
    )


async def _answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(head.decode().splitlines()[0])
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.split(b":")[1]))
