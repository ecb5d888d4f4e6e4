"""What the application does that could run data as code or call home, seen by Python's own audit hook.

An event counts when the application is anywhere below it on the stack. Who may is listed here, with the reason.
"""

import sys
from pathlib import Path
from types import FrameType
from typing import Any

APP = str(Path(__file__).parents[1] / "app")
WATCHED = {
    *("pickle.find_class", "marshal.loads", "exec", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"),
    *("os.spawn", "socket.connect", "urllib.Request", "ctypes.dlopen"),
}
# By event, the ends of the names of files whose code may cause it.
ALLOWED: dict[str, tuple[str, ...]] = {
    # modules are imported when they are first needed; classes, tables and kernels are made by code written for them
    "exec": (
        *("importlib._bootstrap>", "/dataclasses.py", "/collections/__init__.py", "/typing.py"),
        *("/sqlalchemy/util/langhelpers.py", "/numba/"),
    ),
    "marshal.loads": ("importlib._bootstrap_external>",),
    # numba keeps what it compiled from the application's own functions, and loads its compiler
    "pickle.find_class": ("/numba/",),
    "ctypes.dlopen": ("/numba/", "/llvmlite/", "/scipy/", "/numpy/", "/pyarrow/", "/ctypes/", "/threadpoolctl.py"),
}

found: list[tuple[str, str, str]] = []


def _watch(event: str, _arguments: tuple[Any, ...]) -> None:
    if event not in WATCHED:
        return
    caller = sys._getframe(1)
    name = caller.f_code.co_filename
    if any(part in name for part in ALLOWED.get(event, ())):
        return
    if (guilty := _in_application(caller)) is not None and not _may_start(event, guilty):
        found.append((event, name, guilty))


def _may_start(event: str, guilty: str) -> bool:
    # the worker's trainer: this interpreter with a module of ours, and nothing from outside among its arguments
    return event == "subprocess.Popen" and guilty.startswith(f"{APP}/worker/trainer_process.py:")


def _in_application(frame: FrameType | None) -> str | None:
    while frame is not None and "importlib._bootstrap" not in frame.f_code.co_filename:  # another package's import
        if frame.f_code.co_filename.startswith(APP):
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return None


def start() -> None:
    """Watch from now on; there is no way to stop."""
    sys.addaudithook(_watch)
