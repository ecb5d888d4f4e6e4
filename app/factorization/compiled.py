"""How this package compiles its kernels: numba, without the GIL, cached on disk where a disk can be written."""

import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(kernel: Kernel) -> Kernel:
    """Compile a kernel on its first call, to run without the GIL.

    Sums may be reordered to use the vector units (`fastmath`), except that infinities and NaN keep their meaning.
    Machine code is cached beside the source, else in the user's cache directory, else in a private temporary
    directory; where nothing can be written, every process compiles for itself.

    Parameters
    ----------
    kernel : callable
        A function in numba's subset of Python.

    Returns
    -------
    callable
        The same function, compiled.
    """
    options: dict[str, Any] = {
        "nogil": True,
        "fastmath": {"reassoc", "contract", "nsz", "arcp"},
        "error_model": "numpy",
        "boundscheck": False,
    }
    config: Any = numba.config
    try:
        return cast("Kernel", numba.njit(cache=True, **options)(kernel))
    except RuntimeError:  # numba found no place to cache in
        config.CACHE_DIR = _private_temporary_directory()
    try:
        return cast("Kernel", numba.njit(cache=bool(config.CACHE_DIR), **options)(kernel))
    except RuntimeError:
        return cast("Kernel", numba.njit(**options)(kernel))


def _private_temporary_directory() -> str:
    # only this user may write there, since what lies there will be executed
    user = os.getuid() if hasattr(os, "getuid") else 0
    try:
        directory = Path(tempfile.gettempdir()) / f"foldin-kernels-{user}"
        directory.mkdir(mode=0o700, exist_ok=True)
        found = directory.lstat()
    except OSError:
        return ""
    is_private = stat.S_ISDIR(found.st_mode) and found.st_mode & 0o077 == 0 and found.st_uid == user
    return str(directory) if is_private else ""
