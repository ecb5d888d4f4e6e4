"""A version's files on their way from the machine that trained them to those that serve them: through PostgreSQL.

The publishing transaction also stores the files in parts, so whoever sees a version can have its files. A machine that
does not have them writes them into a directory of its own, where they are verified and mapped like any others. On
SQLite nothing travels: all processes are on one machine and share a directory.
"""

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, func, select

from app.errors import ArtifactError
from app.storage.artifacts import Artifacts, for_its_owner, read_artifacts
from app.storage.engine import Store
from app.storage.schema import model_chunks, model_versions, supplements

CHUNK_BYTES = 1 << 20
"""How much of a file is in memory at a time; PostgreSQL itself takes values of up to 1 GB."""

_UNFINISHED = ".fetching-"
_FILE = re.compile(r"[A-Za-z_]\w*\.(npy|json)")
_FOLDER = re.compile(r"(\d+)(?:\+(\d+))?")
_TYPES = ("text", "text", "int4", "bytea", "bytea")


def ship_artifacts(connection: Connection, folder: Path, version: int | str) -> None:
    """Store a version's files for other machines; on SQLite there are none.

    Parameters
    ----------
    connection : Connection
        In the transaction that publishes the version.
    folder : Path
        Where the files are.
    version : int or str
        The version, or a supplement's name.
    """
    if connection.dialect.name == "sqlite":
        return
    raw: Any = connection.connection.dbapi_connection
    statement = "COPY model_chunks (folder, file, number, content, sha256) FROM STDIN (FORMAT BINARY)"
    with raw.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(_TYPES)
        for path in sorted(folder.iterdir()):
            for number, content in enumerate(_parts(path)):
                copy.write_row((str(version), path.name, number, content, hashlib.sha256(content).digest()))


def forget_shipped(connection: Connection, versions: Sequence[int | str]) -> None:
    """Delete what was stored of versions.

    Parameters
    ----------
    connection : Connection
        In the transaction that forgets the versions.
    versions : sequence of int or str
        Which, or which supplements.
    """
    connection.execute(delete(model_chunks).where(model_chunks.c.folder.in_([str(version) for version in versions])))


def shipped_folders(connection: Connection) -> set[str]:
    """Say what is stored.

    Parameters
    ----------
    connection : Connection
        To read from.

    Returns
    -------
    set of str
        Names of versions and supplements.
    """
    return set(connection.execute(select(model_chunks.c.folder).distinct()).scalars())


def obtain_artifacts(store: Store, models_dir: Path, version: int | str, n_threads: int = 1) -> Artifacts:
    """Map a version's files into memory, and fetch them before if they are not on this machine.

    Parameters
    ----------
    store : Store
        Where they are stored.
    models_dir : Path
        Where versions lie on this machine. Nothing is fetched over what lies there, damaged or not.
    version : int or str
        The version, or a supplement's name.
    n_threads : int
        As ``read_artifacts`` takes it.

    Returns
    -------
    Artifacts
        Verified.

    Raises
    ------
    ArtifactError
        If the files are nowhere, damaged, or find no room here.
    """
    target = models_dir / str(version)
    if not store.is_sqlite and not target.exists():
        try:
            models_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            with _alone_in(models_dir), store.read() as connection:
                if not target.exists():  # another process may have fetched them meanwhile
                    _fetch(connection, target)
                    _remove_forgotten(connection, models_dir)
        except OSError as error:
            raise ArtifactError(f"{target} cannot be written: {error.strerror}; see FOLDIN_MODELS_DIR") from error
    return read_artifacts(target, n_threads)


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while content := file.read(CHUNK_BYTES):
            yield content


@contextmanager
def _alone_in(models_dir: Path) -> Iterator[None]:
    # processes of one machine fetch one after another; the lock ends with the process
    descriptor = os.open(models_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for left in models_dir.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fetch(connection: Connection, target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=target.parent) as place:
        folder = Path(place) / target.name
        folder.mkdir(mode=0o700)
        for name in _file_names(connection, target.name):
            with open(folder / name, "xb", opener=for_its_owner) as file:
                file.writelines(_stored_parts(connection, target.name, name))
                file.flush()
                os.fsync(file.fileno())
        read_artifacts(folder)  # what came damaged must not take the place of what may come whole
        try:
            folder.rename(target)
        except OSError:
            if not target.exists():  # otherwise another machine that shares the directory was faster
                raise


def _file_names(connection: Connection, folder: str) -> list[str]:
    listing = select(model_chunks.c.file).distinct().where(model_chunks.c.folder == folder)
    names = sorted(connection.execute(listing).scalars())
    if not names:
        raise ArtifactError(f"version {folder} is neither on this machine nor in the database; train a new one")
    for name in names:
        if not _FILE.fullmatch(name):
            raise ArtifactError(f"{name!r}, stored with version {folder}, is no name of a version's file")
    return names


def _stored_parts(connection: Connection, folder: str, name: str) -> Iterator[bytes]:
    raw: Any = connection.connection.dbapi_connection
    statement = (
        "COPY (SELECT number, content, sha256 FROM model_chunks WHERE folder = %s AND file = %s ORDER BY number)"
    )
    with raw.cursor() as cursor, cursor.copy(f"{statement} TO STDOUT (FORMAT BINARY)", (folder, name)) as copy:
        copy.set_types(("int4", "bytea", "bytea"))
        for expected, (number, content, sha256) in enumerate(copy.rows()):
            if number != expected or hashlib.sha256(content).digest() != sha256:
                raise ArtifactError(
                    f"part {expected} of {name} of version {folder} is missing or damaged in the database"
                )
            yield content


def _remove_forgotten(connection: Connection, models_dir: Path) -> None:
    # what the store has forgotten; what is newer than all it knows is just being published
    newest = connection.execute(select(func.max(model_versions.c.version))).scalar_one() or 0
    known = set(connection.execute(select(model_versions.c.version)).scalars())
    numbers: dict[int, set[int]] = {}
    for version, number in connection.execute(select(supplements.c.version, supplements.c.number)):
        numbers.setdefault(version, set()).add(number)
    for folder in models_dir.iterdir():
        found = _FOLDER.fullmatch(folder.name)
        if found is None or int(found[1]) > newest:
            continue
        version, number = int(found[1]), int(found[2] or 0)
        kept = numbers.get(version, set())
        if version not in known or (number and number not in kept and number < max(kept, default=0)):
            shutil.rmtree(folder, ignore_errors=True)
