"""The files of a model version: raw arrays and a JSON manifest in a directory that never changes once it has its name.

Nothing is ever unpickled. A directory is written under a temporary name, synced and renamed; it is read only when the
manifest has its checksum, the files are those that it lists, each with the size, the checksum, the type and the shape
that it says, none is a link, and nobody but their owner may write to them.
"""

import hashlib
import math
import mmap
import os
import shutil
import stat
import tempfile
import tokenize
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, cast

import numpy as np
import orjson
from numpy.typing import NDArray

from app.errors import ArtifactError

FORMAT = 3
READABLE_FORMATS = (FORMAT, FORMAT - 1)  # with the previous release's: its versions are served until the first training
_MANIFEST = "manifest.json"
_UNFINISHED = ".unfinished-"
_LONGEST_MANIFEST = 16 << 20  # bytes; what is cut off is no JSON
# NumPy parses headers as Python, and Python 3.11 fails now and then when two threads parse at once.
_ONE_PARSER = Lock()
_UNREADABLE = (
    *(ArtifactError, OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, EOFError),
    *(SyntaxError, tokenize.TokenError, RecursionError, MemoryError),  # numpy reads headers as Python's literals
)
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Artifacts:
    """A version's arrays, mapped into memory, and what the manifest says about it."""

    arrays: Mapping[str, NDArray[Any]]
    description: dict[str, Any]

    def let_go_of_pages(self) -> None:
        """Map no more what was only read to be checked; what is used will be mapped again."""
        for array in self.arrays.values():
            owner: Any = array
            while isinstance(owner, np.ndarray):
                owner = owner.base
            if isinstance(owner, mmap.mmap):
                owner.madvise(mmap.MADV_DONTNEED)


def write_artifacts(models_dir: Path, arrays: Mapping[str, NDArray[Any]], description: dict[str, Any]) -> Path:
    """Write a version's files under a temporary name, down to the disk.

    Parameters
    ----------
    models_dir : Path
        Where the versions lie; made when missing.
    arrays : mapping of str to ndarray
        Plain arrays (no objects) by name.
    description : dict
        JSON: method, hyper-parameters, metrics, the data trained on.

    Returns
    -------
    Path
        To be given to ``place_artifacts``.
    """
    models_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=models_dir))
    files = {}
    for name, array in arrays.items():
        path = folder / f"{name}.npy"
        with open(path, "xb", opener=for_its_owner) as file:
            np.save(file, np.asarray(array, order="C"), allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        shape, n_bytes = list(array.shape), path.stat().st_size
        files[name] = {"dtype": array.dtype.str, "shape": shape, "n_bytes": n_bytes, "sha256": sha256}
    manifest: dict[str, Any] = {"format": FORMAT, "files": files, "description": description}
    manifest["sha256"] = _manifest_sha256(manifest)
    with open(folder / _MANIFEST, "xb", opener=for_its_owner) as file:
        file.write(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(folder)
    return folder


def place_artifacts(folder: Path, models_dir: Path, version: int | str) -> Path:
    """Give written files the name of their version.

    Parameters
    ----------
    folder : Path
        From ``write_artifacts``.
    models_dir : Path
        Where the versions lie.
    version : int or str
        A number, or a supplement's name, that is not published yet; what an interrupted publication left under it is
        replaced.

    Returns
    -------
    Path
        The version's directory.
    """
    target = models_dir / str(version)
    if target.exists():
        shutil.rmtree(target)
    folder.rename(target)
    _sync_folder(models_dir)
    return target


def read_artifacts(folder: Path, n_threads: int = 1) -> Artifacts:
    """Verify a version's files and map them into memory.

    Parameters
    ----------
    folder : Path
        The version's, or one from ``write_artifacts``.
    n_threads : int
        To compute checksums with; more than one only where nobody waits for an answer.

    Returns
    -------
    Artifacts
        Read-only arrays.

    Raises
    ------
    ArtifactError
        If a file is missing, damaged, or not as the manifest says.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if os.fstat(descriptor).st_mode & _OTHERS_WRITE:
                raise ArtifactError("others than its owner may write to it")
            manifest = _read_manifest(descriptor)
            files = sorted(manifest["files"].items(), key=lambda file: -file[1]["n_bytes"])
            with ThreadPoolExecutor(n_threads) as threads:  # checksums are computed without the GIL
                arrays = dict(threads.map(lambda file: (file[0], _read_array(descriptor, *file)), files))
        finally:
            os.close(descriptor)
        return Artifacts(arrays, dict(manifest["description"]))
    except _UNREADABLE as error:
        raise ArtifactError(f"{folder} cannot be read as a model version: {error}") from error


def remove_artifacts(models_dir: Path, versions: Sequence[int | str]) -> None:
    """Delete the files of versions; harmless when they are gone.

    Parameters
    ----------
    models_dir : Path
        Where the versions lie.
    versions : sequence of int or str
        Which, or which supplements.
    """
    for version in versions:
        shutil.rmtree(models_dir / str(version), ignore_errors=True)


def remove_unfinished(models_dir: Path) -> None:
    """Delete what interrupted trainings left; only for whoever holds the lease.

    Parameters
    ----------
    models_dir : Path
        Where the versions lie.
    """
    for folder in models_dir.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(folder, ignore_errors=True)


def for_its_owner(path: str, flags: int) -> int:
    """Open a file that only its owner may read: an opener for ``open``.

    Parameters
    ----------
    path : str
        The file.
    flags : int
        As ``os.open`` takes them.

    Returns
    -------
    int
        A descriptor.
    """
    return os.open(path, flags, 0o600)


def _open(folder: int, name: str, kind: int) -> int:
    # never through a link, and without waiting for what is no file; the caller closes it
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    mode = os.fstat(descriptor).st_mode
    if stat.S_IFMT(mode) != kind or mode & _OTHERS_WRITE:
        os.close(descriptor)
        raise ArtifactError(f"{name} is of another kind than it should be, or others than its owner may write to it")
    return descriptor


def _read_manifest(folder: int) -> dict[str, Any]:
    with open(_open(folder, _MANIFEST, stat.S_IFREG), "rb") as file:
        manifest = orjson.loads(file.read(_LONGEST_MANIFEST))
    if manifest["format"] not in READABLE_FORMATS:
        raise ArtifactError(
            f"it has format {manifest['format']}, and this release reads {' and '.join(map(str, READABLE_FORMATS))}; "
            "`foldin train` makes such a version"
        )
    if manifest.pop("sha256") != _manifest_sha256(manifest):
        raise ArtifactError(f"{_MANIFEST} is not the one that was published: its checksum differs")
    expected = {_MANIFEST, *(f"{name}.npy" for name in manifest["files"])}
    if foreign := sorted(set(os.listdir(folder)) ^ expected):
        raise ArtifactError(f"{foreign[0]!r} does not belong to it, or is missing")
    return dict(manifest)


def _read_array(folder: int, name: str, entry: dict[str, Any]) -> NDArray[Any]:
    with open(_open(folder, f"{name}.npy", stat.S_IFREG), "rb") as file:
        n_bytes = os.fstat(file.fileno()).st_size
        if n_bytes != entry["n_bytes"] or hashlib.file_digest(file, "sha256").hexdigest() != entry["sha256"]:
            raise ArtifactError(f"{name}.npy is not the file that was published: its size or checksum differs")
        file.seek(0)
        if np.lib.format.read_magic(file) != (1, 0):
            raise ArtifactError(f"{name}.npy is of a version of the format that Foldin does not write")
        with _ONE_PARSER:
            shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype.str != entry["dtype"] or list(shape) != entry["shape"] or dtype.hasobject or is_fortran:
            raise ArtifactError(f"{name}.npy has another type or shape than the manifest says")
        if n_bytes - file.tell() != math.prod(shape) * dtype.itemsize:
            raise ArtifactError(f"{name}.npy is longer or shorter than its shape")
        if n_bytes == file.tell():
            return np.empty(shape, dtype)
        # the file that was verified, and not one that has its name by now
        mapped = np.memmap(cast("Any", file), dtype, "r", file.tell(), shape)
        return mapped.view(np.ndarray)  # the memory stays mapped; a memmap object takes much longer to index


def _manifest_sha256(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
