"""A full or failing disk: system calls of a writer made to fail, by strace, and then to work again."""

import os
import subprocess
import sys
import time

from app.storage.engine import Store
from tests.chaos.ledger import Ledger, outcome

FAULTS = {
    "full disk": "pwrite64:error=ENOSPC:when=40..90",
    "write error": "pwrite64:error=EIO:when=40..60",
    "sync error": "fdatasync,fsync:error=EIO:when=10..20",
    "one sync error": "fdatasync,fsync:error=EIO:when=15",
}


def run_disk_faults(url: str, fault: str, *, n_writes: int = 40) -> dict[str, object]:
    """Write through a fault and compare: what was refused is not acknowledged, and writing goes on afterwards."""
    started = time.monotonic()
    call = FAULTS[fault].partition(":")[0]
    command = ["strace", "-f", "-q", "-o", os.devnull, "-e", f"trace={call}", "-e", f"inject={FAULTS[fault]}"]
    command += [sys.executable, "-m", "tests.chaos.writer", url, str(n_writes)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    ledger, store = Ledger(), Store(url)
    ledger.read(done.stdout)
    found = ledger.compare(store)
    store.close()
    return {
        **found,
        "fault": fault,
        **outcome(done.stdout),
        "seconds": round(time.monotonic() - started, 1),
    }
