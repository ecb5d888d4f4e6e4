"""System calls of a PostgreSQL server made to fail for a moment: it may go down, and must come back whole."""

import asyncio
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import text

from app.errors import StoreUnavailableError
from app.storage.engine import Store
from tests.chaos.forking import fork
from tests.chaos.kills import NUMBERS_A_CYCLE
from tests.chaos.ledger import Ledger, outcome
from tests.chaos.writer import write_for_ever

FAULTS = {
    "full disk": "pwrite64,pwritev:error=ENOSPC",
    "write error": "pwrite64,pwritev:error=EIO",
    "sync error": "fdatasync,fsync:error=EIO",
}
_SECONDS = 180.0


def run_postgresql_faults(url: str, fault: str, ledger: Ledger) -> dict[str, Any]:
    """Write while the server's system calls fail, and after; ``ledger`` knows what was written before."""
    server = psutil.Process(_server_pid(url))
    child = fork(lambda: asyncio.run(write_for_ever(url, list(FAULTS).index(fault) * NUMBERS_A_CYCLE)))
    said = child.read_for(_SECONDS, until=b"acknowledged")
    calls = FAULTS[fault].partition(":")[0]
    command = ["strace", "-f", "-q", "-o", os.devnull, "-e", f"trace={calls}", "-e", f"inject={FAULTS[fault]}"]
    traced = server.children()  # not the one that starts the others: where it ends, nothing comes back by itself
    tracer = subprocess.Popen([*command, *(f"--attach={process.pid}" for process in traced)])
    said += child.read_for(_SECONDS, until=b"refused")
    said += child.read_for(0.5)
    tracer.terminate()
    tracer.wait()
    said += child.read_for(_SECONDS, until=b"acknowledged") + child.kill()
    ledger.read(said)
    return {**_compare(url, ledger), "fault": fault, **outcome(said)}


def _server_pid(url: str) -> int:
    store = Store(url)
    with store.read() as connection:
        folder = connection.execute(text("SHOW data_directory")).scalar_one()
    store.close()
    return int(Path(folder, "postmaster.pid").read_text().splitlines()[0])


def _compare(url: str, ledger: Ledger) -> dict[str, int]:
    deadline = time.monotonic() + _SECONDS
    while True:
        store = Store(url)
        try:
            return ledger.compare(store)
        except StoreUnavailableError:  # still recovering
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        finally:
            store.close()
