"""Backups under load, each restored elsewhere: all that was acknowledged before it, nothing that was never sent."""

import asyncio
import shutil
import threading
import time
from collections import Counter
from pathlib import Path

from sqlalchemy import make_url

from app.config import Settings
from app.services.backup import restore_backup, write_backup
from app.storage.engine import Store
from app.storage.migrate import migrate
from tests.chaos.forking import Child, fork
from tests.chaos.ledger import Ledger
from tests.chaos.writer import write_for_ever
from tests.postgres import Server

_MORE_THAN_A_PIPE_HOLDS = 5_000  # lines, of 64 KiB
_CYCLES_A_STORE = 5  # while a backup is made the store grows, and the next backup takes the longer


def run_restores(url: str, folder: Path, *, cycles: int, copies_file: bool = False) -> dict[str, object]:
    """Back up and restore; ``copies_file`` copies the database file of SQLite instead, as people do."""
    started, found = time.monotonic(), Counter[str]()
    for first in range(0, cycles, _CYCLES_A_STORE):
        place = folder / f"from-{first}"
        place.mkdir()
        if first:
            url = _new_url(url, place)
            migrate(url)
        found.update(_some_restores(url, place, min(_CYCLES_A_STORE, cycles - first), copies_file))
    return {**found, "cycles": cycles, "seconds": round(time.monotonic() - started, 1)}


def _some_restores(url: str, folder: Path, cycles: int, copies_file: bool) -> Counter[str]:
    child = fork(lambda: asyncio.run(write_for_ever(url, 0)))
    listener, found = _Listener(child), Counter[str]()
    store, settings = Store(url), Settings(database_url=url, data_dir=folder / "origin")
    try:
        for cycle in range(cycles):
            listener.go_on()
            listener.wait_for_more()
            ledger = Ledger(acknowledged=listener.ledger.acknowledged)
            place = folder / str(cycle)
            place.mkdir()
            restored = _new_url(url, place)
            if copies_file:
                shutil.copy(str(make_url(url).database), str(make_url(restored).database))
            else:
                write_backup(store, settings, place / "backup.zip", lambda *_: None)
            listener.wait_for_more()  # what was sent before the backup's end has been read by then
            listener.hold_up()
            ledger.sent = listener.ledger.sent
            if not copies_file:
                restored_settings = Settings(database_url=restored, data_dir=place / "data")
                restore_backup(restored_settings, place / "backup.zip", lambda *_: None)
            found.update(_compared(ledger, restored))
            if not restored.startswith("sqlite"):
                Server(url).drop_database(restored)
            shutil.rmtree(place)
    finally:
        store.close()
        listener.stop()
        child.kill()
    return found


def _new_url(url: str, place: Path) -> str:
    return f"sqlite:///{place / 'restored.db'}" if url.startswith("sqlite") else Server(url).create_database()


def _compared(ledger: Ledger, url: str) -> dict[str, int]:
    store = Store(url)
    try:
        return ledger.compare(store)
    finally:
        store.close()


class _Listener(threading.Thread):
    """Takes in what a writer prints, so that it never waits for its reader but when it is to be held up."""

    def __init__(self, child: Child) -> None:
        super().__init__(daemon=True)
        self._child, self._rest, self._read = child, "", Ledger()
        self._goes_on, self._is_over, self._lock = threading.Event(), threading.Event(), threading.Lock()
        self._goes_on.set()
        self.start()

    def run(self) -> None:
        while not self._is_over.is_set():
            if self._goes_on.wait(0.05):
                with self._lock:
                    lines, newline, self._rest = (self._rest + self._child.read_for(0.01)).rpartition("\n")
                    self._read.read(lines + newline)

    def stop(self) -> None:
        """Stop listening."""
        self._is_over.set()
        self.join()

    def hold_up(self) -> None:
        """Read no more, so that the writer stands still as soon as what it prints has no more room."""
        self._goes_on.clear()

    def go_on(self) -> None:
        """Read again."""
        self._goes_on.set()

    def wait_for_more(self) -> None:
        """Wait until all that the writer had said at this call has been read, and more."""
        n_before = len(self._read.acknowledged)
        deadline = time.monotonic() + 180
        while len(self._read.acknowledged) < n_before + _MORE_THAN_A_PIPE_HOLDS:
            if time.monotonic() > deadline:
                raise TimeoutError("the writer has fallen silent")
            time.sleep(0.01)

    @property
    def ledger(self) -> Ledger:
        """What has been read."""
        with self._lock:
            return Ledger(set(self._read.sent), set(self._read.acknowledged))
