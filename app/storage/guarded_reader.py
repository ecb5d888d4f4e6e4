"""A deadline and a circuit breaker: a store that does not answer in time counts as gone for a moment.

Answers are then given without it, from what the model itself holds.
"""

import asyncio
from collections.abc import Coroutine
from time import monotonic
from typing import Any, TypeVar

from app.errors import StoreUnavailableError

PAUSE_SECONDS = 1.0
_FAILURES_TO_OPEN = 3
_CLOSE_SECONDS = 8.0  # psycopg gives the cancelling of a statement five

T = TypeVar("T")


class Guard:
    """Lets reads through while they succeed in time, and after three failures in a row only one a second.

    Parameters
    ----------
    deadline_seconds : float
        How long a read may take.
    """

    def __init__(self, deadline_seconds: float) -> None:
        self._deadline_seconds = deadline_seconds
        self._n_failures = 0
        self._not_before = float("-inf")
        self._given_up: set[asyncio.Future[Any]] = set()

    async def close(self) -> None:
        """Wait until reads that were given up have let go of their connections, which nobody else would close."""
        if self._given_up:
            await asyncio.wait(self._given_up, timeout=_CLOSE_SECONDS)

    async def read(self, reading: Coroutine[Any, Any, T]) -> T:
        """Wait for a read, but not long.

        Parameters
        ----------
        reading : coroutine
            The read; it is not begun while the store counts as gone.

        Returns
        -------
        object
            What was read.

        Raises
        ------
        StoreUnavailableError
            If the store does not answer in time, or did not a moment ago.
        """
        now = monotonic()
        if now < self._not_before:
            reading.close()
            raise StoreUnavailableError("the database did not answer a moment ago")
        if self._n_failures >= _FAILURES_TO_OPEN:
            self._not_before = now + PAUSE_SECONDS  # this read finds out for all others
        try:
            found = await self._within(self._deadline_seconds, reading)
        except StoreUnavailableError:
            self._n_failures += 1
            if self._n_failures >= _FAILURES_TO_OPEN:
                self._not_before = monotonic() + PAUSE_SECONDS
            raise
        self._n_failures, self._not_before = 0, float("-inf")
        return found

    async def _within(self, seconds: float, reading: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(reading)
        asked_at = monotonic()
        try:
            done, _ = await asyncio.wait({task}, timeout=seconds)
            if not done and monotonic() - asked_at > 2 * seconds:  # it was this process that stood still
                done, _ = await asyncio.wait({task}, timeout=seconds)
        except asyncio.CancelledError:  # whoever asked has gone
            self._give_up(task)
            raise
        if done:
            return task.result()
        self._give_up(task)  # not waited for: a connection that leads nowhere takes its time to close
        raise StoreUnavailableError(f"the database did not answer within {seconds:g} s")

    def _give_up(self, task: asyncio.Future[Any]) -> None:
        self._given_up.add(task)  # the loop itself holds tasks weakly
        task.add_done_callback(self._forget)
        task.cancel()

    def _forget(self, task: asyncio.Future[Any]) -> None:
        self._given_up.discard(task)
        if not task.cancelled():
            task.exception()
