"""How this package compiles its kernels: numba, without the GIL, cached on disk where a disk can be written."""

import gc
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import event
from numba.extending import register_jitable

from app.leaving_out import load_without

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

_OPTIONS: Any = {
    "nogil": True,
    "error_model": "numpy",
    # sums may be reordered to use the vector units, but infinities and NaN keep their meaning
    "fastmath": {"reassoc", "contract", "nsz", "arcp"},
    "no_cfunc_wrapper": True,  # which only C would call
}


def compiled(kernel: Kernel) -> Kernel:
    """Compile a kernel on its first call, to run without the GIL.

    Parameters
    ----------
    kernel : callable
        A function in numba's subset of Python.

    Returns
    -------
    callable
        The same function, compiled.
    """
    return _compiled(kernel)


def compiled_in_place(kernel: Kernel) -> Kernel:
    """Compile a kernel that only writes into arrays it is given, whose references nobody needs to count.

    Parameters
    ----------
    kernel : callable
        A function in numba's subset of Python.

    Returns
    -------
    callable
        The same function, compiled on its first call.
    """
    return _compiled(kernel, _nrt=False)


def compiled_part(kernel: Kernel) -> Kernel:
    """Compile a kernel in place that only other kernels call, without what Python would need to call it.

    Parameters
    ----------
    kernel : callable
        A function in numba's subset of Python.

    Returns
    -------
    callable
        The same function, compiled where it is first called.
    """
    return _compiled(kernel, _nrt=False, no_cpython_wrapper=True)


def strictly_compiled(kernel: Kernel) -> Kernel:
    """Compile a kernel whose sums are added exactly in the order that is written, wherever it is called from.

    Parameters
    ----------
    kernel : callable
        A function in numba's subset of Python.

    Returns
    -------
    callable
        The same function, compiled.
    """
    return _compiled(kernel, fastmath=False)


def inlined(kernel: Kernel) -> Kernel:
    """Make a part of other kernels, compiled where it is called: half the time to compile, and nothing to call itself.

    Parameters
    ----------
    kernel : callable
        A function in numba's subset of Python.

    Returns
    -------
    callable
        The same function, inlined.
    """
    return cast("Kernel", numba.njit(inline="always", **_OPTIONS)(kernel))


def shared_with_kernels(function: Kernel) -> Kernel:
    """Let kernels call a function, inlined, that Python calls as it is.

    Parameters
    ----------
    function : callable
        A function in numba's subset of Python.

    Returns
    -------
    callable
        The same function, not compiled.
    """
    return register_jitable(inline="always")(function)


class _WithoutCollecting(event.Listener):
    """Most of what a compiler makes lives until it is done: looking for garbage meanwhile takes a tenth of its time."""

    def __init__(self) -> None:
        self._was_collecting: list[bool] = []  # numba compiles one kernel at a time, and those it calls within

    def on_start(self, event: Any) -> None:  # noqa: ARG002 - numba's interface
        self._was_collecting.append(gc.isenabled())
        gc.disable()

    def on_end(self, event: Any) -> None:  # noqa: ARG002 - numba's interface
        if self._was_collecting.pop():
            gc.enable()


def _compiled(kernel: Kernel, **options: Any) -> Kernel:
    return cast("Kernel", numba.njit(cache=bool(_CACHE_DIRECTORY), **(_OPTIONS | options))(kernel))


def cache_directory() -> str:
    """Find a place for machine code, so that only the first process compiles.

    Numba notices when a kernel's own file has changed, but not when a file whose kernels it calls has; so the place's
    name holds a digest of all of them. What lies there will be executed, so it must be this user's alone.

    Returns
    -------
    str
        Below `NUMBA_CACHE_DIR`, the user's cache directory or the temporary directory, whichever can be written first,
        with what one before it holds that can only be read, such as an image's; empty where none can be written, and
        every process compiles for itself.
    """
    sources = sorted(Path(__file__).parent.glob("*.py"))
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    made_before: list[Path] = []
    for root in _roots():
        directory = root / digest
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=directory):
                pass
            if _belongs_to(directory, {os.getuid()}):
                _copy_missing(made_before, directory)
                return str(directory)
        except (OSError, RuntimeError):
            if _belongs_to(directory, {os.getuid(), 0}):
                made_before.append(directory)
    return ""


def _belongs_to(directory: Path, users: set[int]) -> bool:
    try:
        found = directory.stat()
    except OSError:
        return False
    return found.st_uid in users and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _copy_missing(sources: list[Path], target: Path) -> None:
    for source in sources:
        for file in sorted(source.rglob("*.nb?")):  # machine code comes before the index that names it
            copy = target / file.relative_to(source)
            if not copy.exists():
                copy.parent.mkdir(mode=0o700, exist_ok=True)
                unfinished = copy.with_name(f"{copy.name}.{os.getpid()}")
                shutil.copyfile(file, unfinished)
                unfinished.replace(copy)


def _roots() -> Iterator[Path]:
    if given := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(given)
    if cache := os.environ.get("XDG_CACHE_HOME") or os.environ.get("HOME"):
        yield Path(cache) / ("foldin" if os.environ.get("XDG_CACHE_HOME") else ".cache/foldin")
    yield Path(tempfile.gettempdir()) / f"foldin-{os.getuid()}"


# Numba looks for BLAS, which no kernel here calls, in a part of SciPy that loads 140 modules: 9 MB and 0.15 s.
load_without("scipy.linalg", "numba.np.arraymath")
_CACHE_DIRECTORY = cache_directory()
_config: Any = numba.config
_config.CACHE_DIR = _CACHE_DIRECTORY
event.register("numba:compile", _WithoutCollecting())  # type: ignore[no-untyped-call]
