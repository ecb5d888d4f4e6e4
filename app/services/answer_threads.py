"""Where answers are computed: at once where that is quick, else in threads, so that the event loop goes on."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from app.serving.snapshot import Snapshot

T = TypeVar("T")

# to go through so many numbers takes about as long as to hand the work to a thread and back
_QUICK = 1 << 20


class AnswerThreads:
    """One thread a processor: top-n keeps one busy by itself, and more of them would only wait for one another."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="answer")

    async def run(self, snapshot: Snapshot, work: Callable[[], T]) -> T:
        """Compute an answer.

        Parameters
        ----------
        snapshot : Snapshot
            What the answer is from, which says how long it will take.
        work : callable
            Reads nothing but the snapshot.

        Returns
        -------
        object
            What it returned.
        """
        if snapshot.model.factors.item_factors.size <= _QUICK:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)
