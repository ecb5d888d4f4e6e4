"""PostgreSQL killed or stopped, and started again, under load: reads go on, writes are refused, nothing is lost."""

import asyncio
import random
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import psycopg

from app.storage.engine import Store
from tests.chaos.ledger import Ledger
from tests.chaos.replicas import Replica, balance, prepare, until_ready

_READERS = 3
_PATIENCE_SECONDS = 180.0


class Database:
    """A PostgreSQL server of this machine that can be killed and started as it was."""

    def __init__(self, url: str) -> None:
        self.url = url
        with psycopg.connect(url) as connection:
            row = connection.execute("SHOW data_directory").fetchone()
        assert row is not None
        self._pid_file = Path(row[0]) / "postmaster.pid"
        process = self._process()
        self._command, self._user, self._folder = process.cmdline(), process.username(), process.cwd()
        self.own: subprocess.Popen[bytes] | None = None

    def _process(self) -> psutil.Process:
        return psutil.Process(int(self._pid_file.read_text().split()[0]))

    def kill(self) -> None:
        server = self._process()
        self._send(signal.SIGKILL)
        server.wait(_PATIENCE_SECONDS) if self.own is None else self.own.wait(_PATIENCE_SECONDS)

    def stall(self) -> None:
        """Stop every process where it is: connections stay, and nobody answers."""
        self._send(signal.SIGSTOP)

    def go_on(self) -> None:
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        server = self._process()
        server.suspend()  # it begins no child while they are counted
        for process in [*server.children(recursive=True), server]:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def start(self) -> None:
        quiet = subprocess.DEVNULL
        self.own = subprocess.Popen(self._command, user=self._user, cwd=self._folder, stdout=quiet, stderr=quiet)
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
            except psycopg.OperationalError:
                assert self.own.poll() is None, "PostgreSQL did not start again"
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        if self.own is not None:
            self.own.send_signal(signal.SIGINT)
            self.own.wait(_PATIENCE_SECONDS)


@dataclass
class Seen:
    """What the clients saw."""

    counts: Counter[str] = field(default_factory=Counter)
    ledger: Ledger = field(default_factory=Ledger)
    slowest_refusal: float = 0.0
    slowest_read: float = 0.0
    last_fresh_read: float = 0.0
    last_write: float = 0.0


async def run_outages(
    url: str, folder: Path, *, seed: int, cycles: int, stalls: bool = False, has_no_model: bool = False
) -> dict[str, object]:
    """Kill and start again, or stop and let go on; without a model to answer from, as the control, reads fail."""
    began, rng, seen, done = time.monotonic(), random.Random(seed), Seen(), asyncio.Event()
    prepare(url, folder, n_versions=0 if has_no_model else 1)
    database, replica = Database(url), Replica(url, folder, {"FOLDIN_DRAIN_DELAY": "0"})
    healing: list[float] = []
    replica.start()
    balancing = asyncio.create_task(balance([replica], done))
    try:
        await until_ready(replica)
        clients = [asyncio.create_task(_read(replica, done, seen, number)) for number in range(_READERS)]
        clients.append(asyncio.create_task(_write(replica, done, seen)))
        for _ in range(cycles):
            await asyncio.sleep(rng.uniform(0.0, 0.5))
            before = seen.counts.copy()
            await asyncio.to_thread(database.stall if stalls else database.kill)
            await asyncio.sleep(rng.uniform(0.5, 3.0))
            await _notice(seen, before)
            await asyncio.to_thread(database.go_on if stalls else database.start)
            healing.append(await _heal(seen, time.monotonic()))
        done.set()
        await asyncio.gather(*clients, balancing)
        store = Store(url)
        ledger = seen.ledger.compare(store)
        store.close()
    finally:
        done.set()
        if stalls:
            await asyncio.to_thread(database.go_on)
        await asyncio.to_thread(replica.stop)
        await asyncio.to_thread(database.stop)
    return {
        "failed": seen.counts["failed_reads"] + seen.counts["failed_writes"],
        "lost": ledger["lost"],
        **seen.counts,
        "slowest_read_seconds": round(seen.slowest_read, 3),
        "slowest_refusal_seconds": round(seen.slowest_refusal, 3),
        "longest_healing_seconds": round(max(healing), 2),
        "cycles": cycles,
        "seconds": round(time.monotonic() - began, 1),
    }


async def _notice(seen: Seen, before: Counter[str]) -> None:
    """Wait until reads and writes have met the outage, which on a busy machine may take longer than it lasts."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not all(  # noqa: ASYNC110 - what changes tells nobody
            any(seen.counts[name] > before[name] for name in names)
            for names in (("degraded_reads", "failed_reads"), ("refused_writes", "failed_writes"))
        ):
            await asyncio.sleep(0.02)


async def _heal(seen: Seen, started_at: float) -> float:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while min(seen.last_fresh_read, seen.last_write) < started_at:  # noqa: ASYNC110 - what changes tells nobody
            await asyncio.sleep(0.02)
    return max(seen.last_fresh_read, seen.last_write) - started_at


async def _read(replica: Replica, done: asyncio.Event, seen: Seen, number: int) -> None:
    async with httpx.AsyncClient(base_url=replica.address, timeout=_PATIENCE_SECONDS) as client:
        while not done.is_set():
            asked_at = time.monotonic()
            response = await client.get(f"/users/u{number}/recommendations")
            seen.slowest_read = max(seen.slowest_read, time.monotonic() - asked_at)
            if response.status_code != 200:
                seen.counts["failed_reads"] += 1
            elif response.json()["degraded"]:
                seen.counts["degraded_reads"] += 1
            else:
                seen.counts["fresh_reads"] += 1
                seen.last_fresh_read = asked_at
            await asyncio.sleep(0.01)


async def _write(replica: Replica, done: asyncio.Event, seen: Seen) -> None:
    async with httpx.AsyncClient(base_url=replica.address, timeout=_PATIENCE_SECONDS) as client:
        number = 1_000
        while not done.is_set():
            number += 1
            asked_at = time.monotonic()
            seen.ledger.sent.add(number)
            rating = {"user_id": f"u{number}", "item_id": "i01", "value": 3}
            response = await client.post("/ratings", json=rating)
            if response.status_code == 200:
                seen.counts["writes"] += 1
                seen.ledger.acknowledged.add(number)
                seen.last_write = asked_at
            elif response.status_code == 503 and "retry-after" in response.headers:
                seen.counts["refused_writes"] += 1
                seen.slowest_refusal = max(seen.slowest_refusal, time.monotonic() - asked_at)
            else:
                seen.counts["failed_writes"] += 1
            await asyncio.sleep(0.02)
