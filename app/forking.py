"""Processes forked from one that has loaded everything: they share the memory of what was loaded, and start at once."""

import gc
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable

from app.lifeline import Lifeline, die_with_parent, parent_descriptor

_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 30.0


def keep_forked(
    serve: Callable[[], None],
    n_processes: int,
    *,
    on_end: Callable[[int], None],
    on_started: Callable[[], None] = lambda: None,
) -> None:
    """Fork processes, and again whenever one ends, until SIGTERM, SIGINT or the parent's end.

    A process that ends at once is forked again after a pause that doubles each time.

    Parameters
    ----------
    serve : callable
        What each does; it ends at SIGTERM. No thread may run here yet, for a fork takes none along.
    n_processes : int
        How many.
    on_end : callable
        Told the number of a process that ended.
    on_started : callable
        Called once all have been forked, to let go of what later ones would not use.
    """
    is_stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: is_stopping.append(received))
    lifeline, above = Lifeline(), parent_descriptor()
    gc.collect()
    gc.freeze()  # a collection would write into every object, and so copy the memory that is shared
    started: dict[int, float] = {}
    n_failures, not_before, is_told = 0, 0.0, False
    while not is_stopping:
        while len(started) < n_processes and time.monotonic() >= not_before:
            started[_fork(serve, lifeline)] = time.monotonic()
            if len(started) == n_processes and not is_told:
                on_started()
                is_told = True
        if select.select([above] if above is not None else [], [], [], 0.1)[0]:
            break  # the parent is gone
        ended = [process for process in started if os.waitpid(process, os.WNOHANG)[0]]
        for process in ended:
            on_end(process)
            lived = time.monotonic() - started.pop(process)
            n_failures = 0 if lived > _LONGEST_PAUSE_SECONDS else n_failures + 1
            not_before = time.monotonic() + min(_PAUSE_SECONDS * 2.0**n_failures, _LONGEST_PAUSE_SECONDS)
    for process in started:
        os.kill(process, signal.SIGTERM)
    for process in started:
        os.waitpid(process, 0)


def _fork(serve: Callable[[], None], lifeline: Lifeline) -> int:
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        lifeline.close_parent_end()
        os.environ |= lifeline.environment()
        die_with_parent()
        serve()
        status = 0
    except Exception:  # noqa: BLE001 - whatever it was, it is told before the process ends
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # without what only the process that it was forked from has to do at its end
