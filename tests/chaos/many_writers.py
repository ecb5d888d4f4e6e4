"""Eight processes that write to one store as the service does: none is turned away, and its log stays small."""

import asyncio
import time
from pathlib import Path

from sqlalchemy import make_url

from app.storage.engine import Store
from tests.chaos.forking import fork
from tests.chaos.kills import NUMBERS_A_CYCLE
from tests.chaos.ledger import Ledger
from tests.chaos.writer import write_for_ever

_N_WRITERS = 8
_START_SECONDS = 180.0
_MOST_WAL_BYTES = 4 * 134_217_728  # a few times the limit at which SQLite truncates it


def run_many_writers(url: str, *, seconds: float, deferred: bool = False) -> dict[str, object]:
    """Write, watch, kill all of them at the end, and compare; ``deferred`` begins transactions the textbook way."""

    def write(number: int) -> None:
        store = Store(url)
        if deferred:
            store.engine = store.engine.execution_options(read_only=True)
        asyncio.run(write_for_ever(url, number * NUMBERS_A_CYCLE, store=store))

    children = [fork(lambda number=number: write(number)) for number in range(_N_WRITERS)]  # type: ignore[misc]
    wal, most_wal_bytes, said = Path(f"{make_url(url).database}-wal"), 0, [""] * _N_WRITERS
    begun = time.monotonic()
    while not all("sent" in text for text in said) and time.monotonic() < begun + _START_SECONDS:
        for number, child in enumerate(children):
            said[number] += child.read_for(0.02)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline or (
        not all(map(_has_heard, said)) and time.monotonic() < deadline + _START_SECONDS
    ):
        for number, child in enumerate(children):
            said[number] += child.read_for(0.02)
        if url.startswith("sqlite") and wal.exists():
            most_wal_bytes = max(most_wal_bytes, wal.stat().st_size)
    ledger = Ledger()
    for number, child in enumerate(children):
        said[number] += child.kill()
        ledger.read(said[number])
    store = Store(url)
    found = ledger.compare(store)
    store.close()
    return {
        **found,
        "locked": sum(text.count("refused") for text in said),
        "idle": sum("acknowledged" not in text for text in said),
        "overgrown": int(most_wal_bytes > _MOST_WAL_BYTES),
        "wal_megabytes": round(most_wal_bytes / 1e6),
        "seconds": seconds,
    }


def _has_heard(said: str) -> bool:
    return "acknowledged" in said or "refused" in said
