"""Backup and restoration: one ZIP file with the whole store and the files of the model versions.

A restored store is the one of the backup's moment. Users who were erased after it are back in it: see
docs/decisions/0012-backups-and-erasure.md.
"""

import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson

from app.config import Settings
from app.errors import InvalidInputError, StoreUnusableError
from app.services.clock import now_microseconds, to_rfc3339
from app.storage.artifacts import for_its_owner
from app.storage.engine import Store
from app.storage.migrate import migrate
from app.storage.shipping import shipped_folders
from app.storage.snapshots import copy_sqlite, describe_tables, place_sqlite, read_tables, write_table

FORMAT = 1
_MANIFEST = "manifest.json"
_SQLITE = "store.db"
_MODEL_FILE = re.compile(r"models/\d+(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+")
_CHUNK = 1 << 20

OnProgress = Callable[[str, float], None]
"""Told which step is under way and how much of it is done, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class BackupSummary:
    """What is in a backup; ``created_at`` as RFC 3339."""

    created_at: str
    n_bytes: int
    n_model_files: int


def write_backup(store: Store, settings: Settings, target: Path, on_progress: OnProgress) -> BackupSummary:
    """Write a backup while others read and write.

    Parameters
    ----------
    store : Store
        What to save.
    settings : Settings
        Where the model versions are.
    target : Path
        The file, which appears when it is complete.
    on_progress : callable
        Told how far it is.

    Returns
    -------
    BackupSummary
        What was written.

    Raises
    ------
    InvalidInputError
        If the file exists already, or cannot be written.
    """
    if target.exists():
        raise InvalidInputError(f"{target} exists already; a backup does not overwrite anything")
    manifest: dict[str, Any] = {"format": FORMAT, "created_at": to_rfc3339(now_microseconds())}
    unfinished = target.with_name(f".unfinished-{target.name}")
    try:
        with zipfile.ZipFile(unfinished, "w", allowZip64=True) as archive:
            write = _write_sqlite if store.is_sqlite else _write_postgresql
            manifest |= write(store, archive, on_progress)
            n_model_files = _write_models(archive, settings.models_dir, _shipped(store), on_progress)
            archive.writestr(_MANIFEST, orjson.dumps(manifest))
        with unfinished.open("r+b") as file:
            _sync(file)
        unfinished.rename(target)
    except OSError as error:
        raise InvalidInputError(f"{target} cannot be written: {error.strerror}") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return BackupSummary(manifest["created_at"], target.stat().st_size, n_model_files)


def restore_backup(settings: Settings, source: Path, on_progress: OnProgress) -> BackupSummary:
    """Restore a backup into an empty place; the store appears last, so that half a restoration is none.

    Parameters
    ----------
    settings : Settings
        Where to: a database without a store, and a data directory without versions.
    source : Path
        From ``write_backup``.
    on_progress : callable
        Told how far it is.

    Returns
    -------
    BackupSummary
        What was restored.

    Raises
    ------
    InvalidInputError
        If the file is no backup, is damaged, or is of the other kind of store.
    StoreUnusableError
        If something is there already.
    """
    store = Store(settings.store_url)
    try:
        with zipfile.ZipFile(source) as archive:
            manifest = orjson.loads(archive.read(_MANIFEST))
            if manifest["format"] != FORMAT:
                raise InvalidInputError(f"{source} has format {manifest['format']}, and this release reads {FORMAT}")
            if manifest["store"] != store.url.get_backend_name():
                hint = "to change stores use `foldin export` and `foldin import`"
                raise InvalidInputError(f"{source} is a backup of {manifest['store']}; {hint}")
            _require_empty(store, settings)
            if archive.testzip() is not None:
                raise InvalidInputError(f"{source} is damaged")
            n_model_files = _read_models(archive, settings.models_dir, on_progress)
            read = _read_sqlite if store.is_sqlite else _read_postgresql
            read(store, archive, manifest, on_progress)
    except (zipfile.BadZipFile, KeyError, orjson.JSONDecodeError, EOFError) as error:
        raise InvalidInputError(f"{source} is no backup, or a damaged one") from error
    except OSError as error:
        raise InvalidInputError(f"{source} cannot be restored: {error.strerror}") from error
    finally:
        store.close()
    migrate(settings.store_url)
    return BackupSummary(manifest["created_at"], source.stat().st_size, n_model_files)


def _write_sqlite(store: Store, archive: zipfile.ZipFile, on_progress: OnProgress) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=Path(str(archive.filename)).parent) as folder:
        copied = Path(folder) / _SQLITE
        copy_sqlite(store, copied, lambda share: on_progress("Copying the database", share))
        archive.write(copied, _SQLITE)
    return {"store": "sqlite"}


def _write_postgresql(store: Store, archive: zipfile.ZipFile, on_progress: OnProgress) -> dict[str, Any]:
    with store.read() as connection:
        described = describe_tables(connection)
        for number, (table, columns) in enumerate(described["tables"].items()):
            on_progress(f"Copying {table}", number / len(described["tables"]))
            with archive.open(f"tables/{table}", "w", force_zip64=True) as out:
                write_table(connection, table, columns, out)
    return {"store": "postgresql", **described}


def _shipped(store: Store) -> set[str]:
    with store.read() as connection:
        return shipped_folders(connection)


def _write_models(archive: zipfile.ZipFile, models_dir: Path, in_tables: set[str], on_progress: OnProgress) -> int:
    folders = [folder for folder in sorted(models_dir.glob("*")) if folder.name not in in_tables]
    files = [path for folder in folders for path in sorted(folder.glob("**/*")) if path.is_file()]
    n_written = 0
    for number, path in enumerate(files):
        name = f"models/{path.relative_to(models_dir).as_posix()}"
        on_progress("Copying model versions", number / len(files))
        if _MODEL_FILE.fullmatch(name):
            try:
                archive.write(path, name)
                n_written += 1
            except FileNotFoundError:  # an old version that was deleted meanwhile
                continue
    return n_written


def _require_empty(store: Store, settings: Settings) -> None:
    if store.is_sqlite and Path(str(store.url.database)).exists():
        raise StoreUnusableError(f"{store.url.database} exists already; a backup is restored into an empty place")
    if settings.models_dir.exists() and any(settings.models_dir.iterdir()):
        raise StoreUnusableError(
            f"{settings.models_dir} holds versions already; a backup is restored into an empty place"
        )


def _read_models(archive: zipfile.ZipFile, models_dir: Path, on_progress: OnProgress) -> int:
    names = [name for name in archive.namelist() if _MODEL_FILE.fullmatch(name)]  # nothing else is ever written
    with _placed_together(models_dir) as folder:
        for number, name in enumerate(names):
            on_progress("Restoring model versions", number / len(names))
            path = folder / name.removeprefix("models/")
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _extract(archive, name, path)
    return len(names)


@contextmanager
def _placed_together(target: Path) -> Iterator[Path]:
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".restoring-", dir=target.parent))
    try:
        yield folder
        if target.exists():
            target.rmdir()
        folder.rename(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _read_sqlite(store: Store, archive: zipfile.ZipFile, _manifest: dict[str, Any], on_progress: OnProgress) -> None:
    target = Path(str(store.url.database))
    with tempfile.TemporaryDirectory(prefix=".restoring-", dir=target.parent) as folder:
        copied = Path(folder) / _SQLITE
        on_progress("Restoring the database", 0.0)
        _extract(archive, _SQLITE, copied)
        place_sqlite(copied, target)


def _read_postgresql(store: Store, archive: zipfile.ZipFile, manifest: dict[str, Any], on_progress: OnProgress) -> None:
    def opened(table: str) -> IO[bytes]:
        on_progress(f"Restoring {table}", list(manifest["tables"]).index(table) / len(manifest["tables"]))
        return archive.open(f"tables/{table}")

    with store.write() as connection:
        read_tables(connection, manifest, opened)


def _extract(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    with archive.open(name) as source, open(path, "wb", opener=for_its_owner) as out:
        shutil.copyfileobj(source, out, _CHUNK)
        _sync(out)


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
