"""SIGKILL of a writer at a random moment, again and again, on one store; each next one starts without help."""

import asyncio
import random
import time

from app.storage.engine import Store
from tests.chaos.forking import fork
from tests.chaos.ledger import Ledger
from tests.chaos.writer import import_for_ever, write_for_ever

NUMBERS_A_CYCLE = 10_000_000
_START_SECONDS = 180.0


def run_kills(url: str, *, seed: int, cycles: int, acknowledges_early: bool = False) -> dict[str, object]:
    """Kill writers, every third of them an import, and compare what is stored with what they were promised."""
    rng, ledger = random.Random(seed), Ledger()
    started = time.monotonic()
    for cycle in range(cycles):
        is_import = cycle % 3 == 2 and not acknowledges_early
        _one_kill(url, cycle * NUMBERS_A_CYCLE, rng.uniform(0.02, 0.2), ledger, is_import, acknowledges_early)
    store = Store(url)
    found = ledger.compare(store)
    store.close()
    return {**found, "cycles": cycles, "seconds": round(time.monotonic() - started, 1)}


def _one_kill(url: str, first: int, after: float, ledger: Ledger, is_import: bool, early: bool) -> None:
    def write() -> None:
        if is_import:
            import_for_ever(url, first)
        asyncio.run(write_for_ever(url, first, acknowledges_early=early))

    child = fork(write)
    said = child.read_for(_START_SECONDS, until=b"acknowledged")
    said += child.read_for(after)
    ledger.read(said + child.kill())
