"""SIGKILL of the API process of ``foldin serve`` and of ``foldin import`` at random moments.

The API process is the real one under its real HTTP server. Clients send single ratings, batches and streams; each next
process starts on what the last one left. An import that was killed is given again, as its user would.
"""

import asyncio
import json
import os
import random
import socket
import time
from itertools import count
from pathlib import Path
from typing import Any

import uvicorn

from app.api.server import server_config
from app.config import Settings
from app.main import create_app
from app.services.files import import_files
from app.services.files.import_files import ImportProgress, import_ratings
from app.services.ingesting import Ingester
from app.storage.bulk import BulkWriter
from app.storage.engine import Store
from app.storage.upserts import WriteCounts
from tests.chaos.forking import Child, fork
from tests.chaos.kills import NUMBERS_A_CYCLE
from tests.chaos.ledger import Ledger
from tests.chaos.writer import say

READY_SECONDS = 2.0
_START_SECONDS = 180.0
_BLOCK_BYTES = 40_000
_N_ROWS = 30_000
_SHAPES = (("json", 1), ("json", 1), ("json", 1), ("json", 20), ("json", 500), ("x-ndjson", 300))


def run_service_kills(url: str, folder: Path, *, seed: int, cycles: int, control: bool = False) -> dict[str, object]:
    """Kill API processes, and in every fourth cycle an import, and compare with what they promised."""
    rng, ledger = random.Random(seed), Ledger()
    settings = Settings(database_url=url, data_dir=folder)
    started, slowest, n_restarted, n_unready = time.monotonic(), 0.0, 0, 0
    for cycle in range(cycles):
        first, after = cycle * NUMBERS_A_CYCLE, rng.uniform(0.02, 0.25)
        if cycle % 4 == 3:
            n_restarted += _kill_import(settings, folder, first, after / 4, ledger, control)
        else:
            ready = _kill_server(settings, first, after, ledger, control)
            slowest = max(slowest, ready)
            n_unready += ready > READY_SECONDS
    store = Store(url)
    found = ledger.compare(store)
    store.close()
    return {
        **found,
        "restarted": n_restarted,
        "unready": n_unready,
        "cycles": cycles,
        "slowest_ready_seconds": round(slowest, 2),
        "seconds": round(time.monotonic() - started, 1),
    }


def _kill_server(settings: Settings, first: int, after: float, ledger: Ledger, control: bool) -> float:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    started = time.monotonic()
    child = fork(lambda: _serve(settings, listener, control))
    listener.close()
    ready = asyncio.run(_use(port, first, after, ledger, child))
    return ready - started


def _serve(settings: Settings, listener: socket.socket, control: bool) -> None:
    if control:
        Ingester.rate = _acknowledge_early  # type: ignore[method-assign,assignment]
    uvicorn.Server(server_config(create_app(settings), fd=listener.fileno())).run()


async def _acknowledge_early(ingester: Ingester, batch: Any) -> WriteCounts:
    task = asyncio.create_task(ingester.writer.rate(batch, now=1))
    _running.add(task)
    task.add_done_callback(_running.discard)
    return WriteCounts(len(batch), len(batch), 0, 0)


_running: set[asyncio.Task[WriteCounts]] = set()


async def _use(port: int, first: int, after: float, ledger: Ledger, child: Child) -> float:
    """Write until the process is killed; when it was ready."""
    numbers, is_over, is_acknowledged = count(first), asyncio.Event(), asyncio.Event()
    await asyncio.wait_for(_first_answer(port), _START_SECONDS)
    ready = time.monotonic()
    clients = [
        asyncio.create_task(_client(port, *shape, numbers, ledger, is_over, is_acknowledged)) for shape in _SHAPES
    ]
    await asyncio.wait_for(is_acknowledged.wait(), _START_SECONDS)
    await asyncio.sleep(after)
    child_end = asyncio.to_thread(child.kill)
    is_over.set()
    await child_end
    await asyncio.gather(*clients)
    return ready


async def _first_answer(port: int) -> None:
    while True:
        try:
            if await _ask(port, b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"):
                return
        except OSError:
            await asyncio.sleep(0.01)


async def _ask(port: int, request: bytes) -> bool:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        head = await reader.read(1 << 16)
        return head.startswith(b"HTTP/1.1 200")
    finally:
        writer.close()


async def _client(
    port: int,
    kind: str,
    size: int,
    numbers: "count[int]",
    ledger: Ledger,
    is_over: asyncio.Event,
    is_acknowledged: asyncio.Event,
) -> None:
    while not is_over.is_set():
        chosen = [next(numbers) for _ in range(size)]
        entries = [{"user_id": f"u{n}", "item_id": f"i{n % 50}", "value": 3.0, "timestamp": 1} for n in chosen]
        lines = "\n".join(map(json.dumps, entries)) if kind == "x-ndjson" else json.dumps(entries)
        head = f"POST /ratings HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/{kind}\r\n"
        ledger.sent.update(chosen)
        try:
            if await _ask(port, f"{head}Content-Length: {len(lines)}\r\n\r\n{lines}".encode()):
                ledger.acknowledged.update(chosen)
                is_acknowledged.set()
        except OSError:
            if is_over.is_set():
                return
            await asyncio.sleep(0.01)


def _kill_import(settings: Settings, folder: Path, first: int, after: float, ledger: Ledger, control: bool) -> bool:
    """Kill an import, give it again, and say whether that began anew."""
    path = folder / f"{first}.csv"
    rows = (f"u{n},i{n % 50},3.0,1\n" for n in range(first, first + _N_ROWS))
    path.write_text("user,item,rating,timestamp\n" + "".join(rows))
    ledger.sent.update(range(first, first + _N_ROWS))
    child = fork(lambda: _import(settings, path, first, control))
    said = child.read_for(_START_SECONDS, until=b"acknowledged")
    said += child.read_for(after) + child.kill()
    committed = Ledger()
    committed.read(said)
    ledger.acknowledged |= committed.acknowledged
    again = fork(lambda: _import(settings, path, first, control=False)).wait()
    path.unlink()
    n_before = int(again.rpartition("before ")[2] or -1)
    ledger.read(again)
    is_finished = "finished" in said
    return not is_finished and n_before < len(committed.acknowledged)


def _import(settings: Settings, path: Path, first: int, control: bool) -> None:
    n_said = [first]

    def follow(progress: ImportProgress) -> None:
        end = first + progress.n_rows
        say("acknowledged", list(range(max(n_said[0], first + progress.n_before), end)))
        n_said[0] = end

    store = Store(settings.store_url)
    if control:
        import_files.BulkWriter = _TalkativeWriter  # type: ignore[attr-defined]
        _TalkativeWriter.first = first
    summary = import_ratings(store, settings, [path], on_progress=None if control else follow, block_bytes=_BLOCK_BYTES)
    os.write(1, f"finished; before {summary.n_before}".encode())


class _TalkativeWriter(BulkWriter):
    """Acknowledges before the commit."""

    first = 0

    def write(self, connection: Any, table: Any) -> WriteCounts:
        counts = super().write(connection, table)
        cls = type(self)
        say("acknowledged", list(range(cls.first, cls.first + len(table))))
        cls.first += len(table)
        time.sleep(0.05)
        return counts
