"""Power cuts under SQLite: what was not synced is dropped, reordered or torn, and the rest must be all there.

A VFS keeps, beside each file, the bytes that a disk is sure to hold: those written before the last sync. A cut is a
picture of them plus a random part of the writes since. Only apsw opens these files: one SQLite library per file.
"""

import os
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw

from app.storage.engine import SQLITE_PRAGMAS

_SECTOR = 512
_N_TRANSACTIONS = 40
_CUTS_A_RUN = 20
_Operation = tuple[int, bytes | None]  # offset and bytes; None for a truncation


class Disk:
    """What is sure and what is not, of each file."""

    def __init__(self) -> None:
        self.sure: dict[str, bytearray] = {}
        self.unsure: dict[str, list[_Operation]] = {}
        self.on_operation: Any = lambda: None

    def note(self, name: str, offset: int, data: bytes | None) -> None:
        self.unsure.setdefault(name, []).append((offset, data))
        self.on_operation()

    def sync(self, name: str) -> None:
        self.on_operation()
        image = self.sure.setdefault(name, bytearray())
        for operation in self.unsure.pop(name, []):
            _apply(image, operation)
        self.on_operation()

    def delete(self, name: str) -> None:
        self.sure.pop(name, None)
        self.unsure.pop(name, None)

    def after_cut(self, rng: random.Random) -> dict[str, bytes]:
        """One of the states that the files may be in after a cut at this moment."""
        files = {}
        for name in self.sure.keys() | self.unsure.keys():
            image = bytearray(self.sure.get(name, b""))
            kept = [operation for operation in self.unsure.get(name, []) if rng.random() < 0.6]
            if rng.random() < 0.5:
                rng.shuffle(kept)
            for offset, data in kept:
                torn = data[: rng.randrange(0, len(data) + 1, _SECTOR)] if data and rng.random() < 0.2 else data
                _apply(image, (offset, torn))
            files[name] = bytes(image)
        return files


def _apply(image: bytearray, operation: _Operation) -> None:
    offset, data = operation
    if data is None:
        del image[offset:]
        return
    if len(image) < offset:
        image.extend(bytes(offset - len(image)))
    image[offset : offset + len(data)] = data


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: Any, flags: Sequence[int]) -> None:
        super().__init__("", name, list(flags))
        self._disk = disk
        self._name = Path(name if isinstance(name, str) else name.filename()).name

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - apsw's name
        super().xWrite(data, offset)
        self._disk.note(self._name, offset, bytes(data))

    def xTruncate(self, size: int) -> None:  # noqa: N802 - apsw's name
        super().xTruncate(size)
        self._disk.note(self._name, size, None)

    def xSync(self, flags: int) -> None:  # noqa: N802 - apsw's name
        super().xSync(flags)
        self._disk.sync(self._name)


class _Vfs(apsw.VFS):
    def __init__(self, name: str, disk: Disk) -> None:
        super().__init__(name, "")
        self._disk = disk

    def xOpen(self, name: Any, flags: list[int]) -> _File:  # noqa: N802
        return _File(self._disk, name, flags)

    def xDelete(self, name: str, sync_folder: bool) -> None:  # noqa: N802
        super().xDelete(name, sync_folder)
        self._disk.delete(Path(name).name)


def run_power_cuts(*, seed: int, cycles: int, synchronous: str = "FULL") -> dict[str, object]:
    """Cut the power at random system calls of a writer and recover."""
    rng, found = random.Random(seed), {"lost": 0, "phantom": 0, "corrupt": 0, "acknowledged": 0}
    started, n_cuts = time.monotonic(), 0
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        while n_cuts < cycles:
            n_cuts += _one_run(Path(folder), rng, found, min(_CUTS_A_RUN, cycles - n_cuts), synchronous)
    return {**found, "cycles": n_cuts, "seconds": round(time.monotonic() - started, 1)}


def _one_run(folder: Path, rng: random.Random, found: dict[str, int], n_cuts: int, synchronous: str) -> int:
    disk, name = Disk(), f"disk-{rng.random()}"
    vfs = _Vfs(name, disk)
    path = folder / "store.db"
    pictures: list[tuple[int, dict[str, bytes]]] = []
    n_acknowledged = 0
    share = n_cuts / 600  # of the operations of a run

    def maybe_cut() -> None:
        if n_acknowledged and len(pictures) < n_cuts and rng.random() < share:
            pictures.append((n_acknowledged, disk.after_cut(rng)))

    connection = apsw.Connection(str(path), vfs=name)
    for pragma in SQLITE_PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.execute(f"PRAGMA wal_autocheckpoint={rng.choice([4, 20, 16384])}")
    connection.execute(
        "CREATE TABLE ratings (user_key INTEGER, number INTEGER, PRIMARY KEY (user_key, number)) WITHOUT ROWID"
    )
    disk.on_operation = maybe_cut
    for number in range(1, _N_TRANSACTIONS + 1):
        connection.execute("BEGIN IMMEDIATE")
        rows = [(key, number) for key in rng.sample(range(10**9), rng.choice([1, 3, 100]))]
        connection.executemany("INSERT INTO ratings VALUES (?, ?)", rows)
        connection.execute("COMMIT")
        n_acknowledged = number
        maybe_cut()
    connection.close()
    vfs.unregister()
    for file in folder.iterdir():
        file.unlink()
    for acknowledged, files in pictures:
        _check(folder, files, acknowledged, found)
    return len(pictures)


def _check(folder: Path, files: dict[str, bytes], acknowledged: int, found: dict[str, int]) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    found["acknowledged"] += acknowledged
    try:
        connection = apsw.Connection(str(folder / "store.db"))
        stored = {row[0] for row in connection.execute("SELECT DISTINCT number FROM ratings")}
        found["corrupt"] += connection.execute("PRAGMA integrity_check").fetchone() != ("ok",)
        found["lost"] += len(set(range(1, acknowledged + 1)) - stored)
        found["phantom"] += len(stored - set(range(1, acknowledged + 2)))
        connection.close()
    except apsw.Error:
        found["corrupt"] += 1
    for file in os.scandir(folder):
        Path(file.path).unlink()
