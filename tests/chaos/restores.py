"""Backups under load, each restored elsewhere: all that was acknowledged before it, nothing that was never sent."""

import asyncio
import shutil
import threading
import time
from pathlib import Path

from sqlalchemy import make_url

from app.config import Settings
from app.services.backup import restore_backup, write_backup
from app.storage.engine import Store
from tests.chaos.forking import Child, fork
from tests.chaos.ledger import Ledger
from tests.chaos.writer import write_for_ever
from tests.postgres import Server


def run_restores(url: str, folder: Path, *, cycles: int, copies_file: bool = False) -> dict[str, object]:
    """Back up and restore; ``copies_file`` copies the database file of SQLite instead, as people do."""
    started = time.monotonic()
    child = fork(lambda: asyncio.run(write_for_ever(url, 0)))
    listener = _Listener(child)
    found: dict[str, int] = {}
    store, settings = Store(url), Settings(database_url=url, data_dir=folder / "origin")
    try:
        for cycle in range(cycles):
            listener.wait_for_more()
            ledger = Ledger()
            ledger.acknowledged |= listener.ledger().acknowledged
            place = folder / str(cycle)
            place.mkdir()
            restored = _new_url(url, place)
            if copies_file:
                shutil.copy(str(make_url(url).database), str(make_url(restored).database))
            else:
                write_backup(store, settings, place / "backup.zip", lambda *_: None)
            listener.wait_for_more()  # what was sent before the backup's end has been read by then
            ledger.sent |= listener.ledger().sent
            if not copies_file:
                restored_settings = Settings(database_url=restored, data_dir=place / "data")
                restore_backup(restored_settings, place / "backup.zip", lambda *_: None)
            _add(found, ledger, restored)
            if not restored.startswith("sqlite"):
                Server(url).drop_database(restored)
            shutil.rmtree(place)
    finally:
        store.close()
        listener.stop()
        child.kill()
    return {**found, "cycles": cycles, "seconds": round(time.monotonic() - started, 1)}


def _new_url(url: str, place: Path) -> str:
    return f"sqlite:///{place / 'restored.db'}" if url.startswith("sqlite") else Server(url).create_database()


def _add(found: dict[str, int], ledger: Ledger, url: str) -> None:
    store = Store(url)
    for name, number in ledger.compare(store).items():
        found[name] = found.get(name, 0) + number
    store.close()


class _Listener(threading.Thread):
    """Takes in what a writer prints, so that it never waits for its reader."""

    def __init__(self, child: Child) -> None:
        super().__init__(daemon=True)
        self._child, self._said, self._is_over = child, "", threading.Event()
        self.start()

    def run(self) -> None:
        while not self._is_over.is_set():
            self._said += self._child.read_for(0.05)

    def stop(self) -> None:
        """Stop listening."""
        self._is_over.set()
        self.join()

    def wait_for_more(self) -> None:
        """Wait until something is acknowledged that was sent after this call."""
        n_before = len(self._said)
        deadline = time.monotonic() + 180
        while self._said.count("acknowledged", n_before) < 500:
            if time.monotonic() > deadline:
                raise TimeoutError("the writer has fallen silent")
            time.sleep(0.01)

    def ledger(self) -> Ledger:
        ledger = Ledger()
        ledger.read(self._said)
        return ledger
