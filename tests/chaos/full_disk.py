"""A disk that is full for a while: a tmpfs of a few megabytes, most of them taken, and then given back.

``python -m tests.chaos.full_disk FOLDER`` runs where FOLDER may be mounted upon, as in a namespace of its own.
"""

import asyncio
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from app.storage.engine import Store
from app.storage.migrate import migrate
from tests.chaos.forking import fork
from tests.chaos.ledger import Ledger, outcome
from tests.chaos.writer import write_for_ever

_DISK_BYTES = 24_000_000
_TAKEN_BYTES = 20_000_000
_SECONDS = 180.0


def run_full_disk(*, acknowledges_early: bool = False) -> dict[str, Any]:
    """Write to SQLite while its disk fills up, and after there is space again."""
    with tempfile.TemporaryDirectory() as folder:
        mount = f"mount -t tmpfs -o size={_DISK_BYTES} tmpfs {shlex.quote(folder)}"
        python = shlex.join([sys.executable, "-m", __name__, folder, *["control"] * acknowledges_early])
        command = ["unshare", "-rm", "sh", "-c", f"{mount} && exec {python}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _write_until_full_and_on(folder: Path, early: bool) -> dict[str, Any]:
    url, filler = f"sqlite:///{folder / 'foldin.db'}", folder / "filler"
    migrate(url)
    filler.write_bytes(bytes(_TAKEN_BYTES))
    child = fork(lambda: asyncio.run(write_for_ever(url, 0, acknowledges_early=early)))
    said = child.read_for(_SECONDS, until=b"refused")
    said += child.read_for(0.5)
    filler.unlink()
    said += child.read_for(_SECONDS, until=b"acknowledged") + child.kill()
    ledger, store = Ledger(), Store(url)
    ledger.read(said)
    found = ledger.compare(store)
    store.close()
    return {**found, "fault": "no space", **outcome(said)}


if __name__ == "__main__":
    json.dump(_write_until_full_and_on(Path(sys.argv[1]), early=len(sys.argv) > 2), sys.stdout)
