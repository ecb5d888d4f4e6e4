"""SIGKILL at a random moment, again and again, on one store; each next writer starts without help.

The writer is forked from this process, which opens no database before, so that a cycle takes a fraction of a second.
"""

import asyncio
import os
import random
import select
import signal
import time

from app.storage.engine import Store
from tests.chaos.ledger import Ledger
from tests.chaos.writer import import_for_ever, write_for_ever

_NUMBERS_A_CYCLE = 10_000_000


def run_kills(url: str, *, seed: int, cycles: int, acknowledges_early: bool = False) -> dict[str, object]:
    """Kill writers, every third of them an import, and compare what is stored with what they were promised."""
    rng, ledger = random.Random(seed), Ledger()
    started = time.monotonic()
    for cycle in range(cycles):
        is_import = cycle % 3 == 2 and not acknowledges_early
        _one_kill(url, cycle * _NUMBERS_A_CYCLE, rng.uniform(0.02, 0.4), ledger, is_import, acknowledges_early)
    store = Store(url)
    found = ledger.compare(store)
    store.close()
    return {**found, "cycles": cycles, "seconds": round(time.monotonic() - started, 1)}


def _one_kill(url: str, first: int, after: float, ledger: Ledger, is_import: bool, early: bool) -> None:
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(readable)
        os.dup2(writable, 1)
        try:
            if is_import:
                import_for_ever(url, first)
            asyncio.run(write_for_ever(url, first, acknowledges_early=early))
        finally:
            os._exit(1)  # only reached by a failure, which shows as nothing acknowledged
    os.close(writable)
    ledger.read(_read_until_killed(readable, child, after))


def _read_until_killed(readable: int, child: int, after: float) -> str:
    received: list[bytes] = []
    deadline: float | None = None  # counted from the first acknowledgement
    while deadline is None or time.monotonic() < deadline:
        ready, _, _ = select.select([readable], [], [], 0.01)
        if ready:
            part = os.read(readable, 1 << 16)
            if not part:
                break
            received.append(part)
        if deadline is None and any(b"acknowledged" in part for part in received[-2:]):
            deadline = time.monotonic() + after
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while part := os.read(readable, 1 << 16):
        received.append(part)
    os.close(readable)
    return b"".join(received).decode()
