"""Going on where an import of the same file was stopped: after a crash, Ctrl-C or a bad row."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from app.errors import StoreBusyError
from app.services.clock import now_microseconds
from app.storage import import_progress
from app.storage.engine import Store
from app.storage.import_progress import Position

T = TypeVar("T")
_MOST_ATTEMPTS = 5


class FileProgress:
    """How far a file has come.

    A file is known by its content, so a corrected one begins anew, and a moved one does not.

    Parameters
    ----------
    store : Store
        Where its rows go.
    path : Path
        The file.
    reading : str
        How it is read; read in another way it is another file.
    """

    def __init__(self, store: Store, path: Path, reading: str) -> None:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
        digest.update(reading.encode())
        self._store, self._fingerprint = store, digest.hexdigest()
        with store.read() as connection:
            now = now_microseconds()
            self.position = import_progress.find_position(connection, self._fingerprint, now=now)

    def store(
        self, work: Callable[[Connection], T], n_lines: int, n_bytes: int, *, forget: Callable[[], None] | None = None
    ) -> T:
        """Store rows, and note that they are, in one transaction.

        On PostgreSQL another writer may want the same rows in another order: one of the two is undone, and begins anew.

        Parameters
        ----------
        work : callable
            Stores the rows; it may have to do so again, when what it did was undone.
        n_lines : int
            Rows, bad ones among them.
        n_bytes : int
            About how much of the file they take.
        forget : callable, optional
            Called when it was undone.

        Returns
        -------
        object
            What ``work`` returned, committed.

        Raises
        ------
        StoreBusyError
            If the store stays busy.
        """
        position = Position(self.position.n_lines + n_lines, self.position.n_bytes + n_bytes)
        n_attempts = 0
        while True:
            n_attempts += 1
            try:
                with self._store.write() as connection:
                    result = work(connection)
                    now = now_microseconds()
                    import_progress.note_position(connection, self._fingerprint, position, now=now)
            except StoreBusyError:
                if n_attempts == _MOST_ATTEMPTS or self._store.is_sqlite:  # SQLite has waited long enough by itself
                    raise
                if forget:
                    forget()
            else:
                self.position = position
                return result

    def finish(self) -> None:
        """Forget the file, so that importing it once more stores all of it once more."""
        with self._store.write() as connection:
            import_progress.forget_position(connection, self._fingerprint)
