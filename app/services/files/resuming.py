"""Going on where an import of the same file was stopped: after a crash, Ctrl-C or a bad row."""

import hashlib
from pathlib import Path

from sqlalchemy import Connection

from app.services.clock import now_microseconds
from app.storage import import_progress
from app.storage.engine import Store
from app.storage.import_progress import Position


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

    def advance(self, connection: Connection, n_lines: int, n_bytes: int) -> None:
        """Note more rows, in the transaction that stores them.

        Parameters
        ----------
        connection : Connection
            In a write transaction.
        n_lines : int
            Rows, bad ones among them.
        n_bytes : int
            About how much of the file they take.
        """
        self.position = Position(self.position.n_lines + n_lines, self.position.n_bytes + n_bytes)
        import_progress.note_position(connection, self._fingerprint, self.position, now=now_microseconds())

    def finish(self) -> None:
        """Forget the file, so that importing it once more stores all of it once more."""
        with self._store.write() as connection:
            import_progress.forget_position(connection, self._fingerprint)
