"""The files of a model version: raw arrays and a JSON manifest in a directory that never changes once it has its name.

Nothing is ever unpickled. A directory is written under a temporary name, synced and renamed; it is read only when every
file in the manifest has the size, the checksum, the type and the shape that the manifest says.
"""

import hashlib
import mmap
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from app.errors import ArtifactError

FORMAT = 1
_MANIFEST = "manifest.json"
_UNFINISHED = ".unfinished-"


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
        with path.open("wb") as file:
            np.save(file, np.asarray(array, order="C"), allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        files[name] = {
            "dtype": array.dtype.str,
            "shape": list(array.shape),
            "n_bytes": path.stat().st_size,
            "sha256": _sha256(path),
        }
    manifest = {"format": FORMAT, "files": files, "description": description}
    with (folder / _MANIFEST).open("wb") as file:
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


def read_artifacts(folder: Path) -> Artifacts:
    """Verify a version's files and map them into memory.

    Parameters
    ----------
    folder : Path
        The version's, or one from ``write_artifacts``.

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
        manifest = orjson.loads((folder / _MANIFEST).read_bytes())
        if manifest["format"] != FORMAT:
            raise ArtifactError(f"{folder} has format {manifest['format']}, and this release reads {FORMAT}")
        arrays = {name: _read_array(folder, name, entry) for name, entry in manifest["files"].items()}
        return Artifacts(arrays, dict(manifest["description"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
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


def _read_array(folder: Path, name: str, entry: dict[str, Any]) -> NDArray[Any]:
    if not name.isidentifier():
        raise ArtifactError(f"{folder}: {name!r} is no name of an array")
    path = folder / f"{name}.npy"
    if path.is_symlink() or path.stat().st_size != entry["n_bytes"] or _sha256(path) != entry["sha256"]:
        raise ArtifactError(f"{path} is not the file that was published: its size or checksum differs")
    array: NDArray[Any] = np.load(path, mmap_mode="r" if np.prod(entry["shape"]) else None, allow_pickle=False)
    array = array.view(np.ndarray)  # the memory stays mapped; a memmap object takes much longer to index
    if array.dtype.str != entry["dtype"] or list(array.shape) != entry["shape"]:
        raise ArtifactError(f"{path} has another type or shape than its manifest says")
    return array


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
