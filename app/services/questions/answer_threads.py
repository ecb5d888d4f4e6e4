"""Where answers are computed: at once where that is quick, else in threads, so that the event loop goes on."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from app.serving.shared_searches import QUICK
from app.serving.snapshot import Snapshot

FEW = 100
"""So many items, and so many ratings times ten, are answered at once."""

THREADS_PER_PROCESSOR = 32
"""As many answers are begun at a time, so that others wait when a pass ends; top-n takes one thread a processor."""

T = TypeVar("T")


def is_small(snapshot: Snapshot) -> bool:
    """Say whether all items of a snapshot are looked through as quickly as a thread is woken.

    Parameters
    ----------
    snapshot : Snapshot
        What is served.

    Returns
    -------
    bool
        True up to two million numbers.
    """
    return snapshot.model.factors.item_factors.size <= QUICK


class AnswerThreads:
    """Several threads a processor: those that come while the processors are busy with top-n go through it together."""

    def __init__(self) -> None:
        n_threads = THREADS_PER_PROCESSOR * (os.cpu_count() or 1)
        self._pool = ThreadPoolExecutor(n_threads, thread_name_prefix="answer")

    async def run(self, snapshot: Snapshot, work: Callable[[], T], *, is_short: bool = False) -> T:
        """Compute an answer.

        Parameters
        ----------
        snapshot : Snapshot
            What the answer is from.
        work : callable
            Reads nothing but the snapshot.
        is_short : bool
            Whether the work is to find a few items, and nothing else that grows with what was asked.

        Returns
        -------
        object
            What it returned.
        """
        if is_short and is_small(snapshot):
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)
