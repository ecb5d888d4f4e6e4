"""Group commit: writes that arrive together share one transaction, and each is answered only after it is committed.

A commit costs a sync of the disk. One thread takes all waiting writes, runs them in one transaction, and while that is
being synced the next ones gather. Ratings that wait next to each other are written in one pass, too.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from time import sleep
from typing import Any, TypeVar

from sqlalchemy import Connection

from app.errors import StoreBusyError, StoreUnavailableError
from app.storage.engine import Store
from app.storage.ratings import Rating
from app.storage.upserts import Batch, WriteCounts, upsert_batches

T = TypeVar("T")
_MOST_TOGETHER = 20_000
_MOST_WAITING = 200_000
_MOST_ATTEMPTS = 3
_WINDOW_SECONDS = 0.001  # for others to join a write, if the last one was not alone
_SMALL = 100  # ratings; a larger batch gains nothing from waiting


@dataclass(slots=True, eq=False)
class _Write:
    work: Callable[[Connection], Any] | Batch
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop

    @property
    def is_batch(self) -> bool:
        return isinstance(self.work, Batch)

    @property
    def weight(self) -> int:
        return 1 + (len(self.work.ratings) if isinstance(self.work, Batch) else 0)

    def settle(self, result: object, error: BaseException | None) -> None:
        if self.future.done():  # who waited has gone, or was told not to wait any longer
            return
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)


class GroupWriter:
    """Commits writes of concurrent requests together, in the order of their arrival.

    Parameters
    ----------
    store : Store
        Where to write.
    most_waiting : int
        How many ratings and other writes may wait; more are refused.
    """

    def __init__(self, store: Store, *, most_waiting: int = _MOST_WAITING) -> None:
        self._store = store
        self._most_waiting = most_waiting
        self._n_waiting = 0  # changed on the event loop alone
        self._waiting: set[_Write] = set()
        self._has_waiting = asyncio.Event()
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="group-writer", daemon=True)
        self._thread.start()

    @property
    def n_waiting(self) -> int:
        """How many ratings and other writes have not been committed yet."""
        return self._n_waiting

    async def until_waiting(self) -> None:
        """Wait until there is a write that has not been committed yet."""
        await self._has_waiting.wait()

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run some work in a transaction and wait until it is durable.

        Parameters
        ----------
        work : callable
            Gets a connection in a write transaction; it may run again alone if another's work fails.

        Returns
        -------
        object
            What ``work`` returned, committed.
        """
        result: T = await self._wait(work)
        return result

    async def rate(self, batch: Sequence[Rating], *, now: int) -> WriteCounts:
        """Write ratings, all or none, and wait until they are durable.

        Parameters
        ----------
        batch : sequence of Rating
            Validated.
        now : int
            The time of arrival in microseconds.

        Returns
        -------
        WriteCounts
            What became of them.
        """
        counts: WriteCounts = await self._wait(Batch(batch, now))
        return counts

    def give_up(self) -> None:
        """Tell those who wait that the database does not answer, from the event loop; their writes may yet be done."""
        for write in self._waiting:
            write.settle(None, StoreUnavailableError("the database does not answer; a write is safe to repeat"))

    def close(self) -> None:
        """Finish what was accepted and stop."""
        self._queue.put(None)
        self._thread.join()

    async def _wait(self, work: Callable[[Connection], Any] | Batch) -> Any:
        self._store.refuse_if_stalled()  # the thread may still be waiting
        loop = asyncio.get_running_loop()
        write = _Write(work, loop.create_future(), loop)
        if self._n_waiting and self._n_waiting + write.weight > self._most_waiting:
            raise StoreBusyError("more writes are waiting than the database can take; send them again later")
        self._n_waiting += write.weight
        self._waiting.add(write)
        self._has_waiting.set()
        self._queue.put(write)
        return await write.future

    def _settle(self, writes: Sequence[_Write], outcomes: Sequence[tuple[object, BaseException | None]]) -> None:
        for write, outcome in zip(writes, outcomes, strict=True):
            self._n_waiting -= write.weight
            self._waiting.discard(write)
            write.settle(*outcome)
        if not self._waiting:
            self._has_waiting.clear()

    def _answer(self, writes: Sequence[_Write], outcomes: Sequence[tuple[object, BaseException | None]]) -> None:
        with suppress(RuntimeError):  # the loop is gone, and with it whoever waited
            writes[0].loop.call_soon_threadsafe(self._settle, writes, outcomes)

    def _run(self) -> None:
        for writes in self._gather():
            # Ratings apart from other work: they lock rows in one order, which keeps writers from deadlocking.
            for _, group in groupby(writes, key=lambda write: write.is_batch):
                self._commit(list(group))

    def _gather(self) -> Iterator[list[_Write]]:
        n_together = 1
        while (write := self._queue.get()) is not None:
            writes, weight = [write], write.weight
            if n_together > 1 and write.weight < _SMALL:
                sleep(_WINDOW_SECONDS)
            while weight < _MOST_TOGETHER and not self._queue.empty():
                following = self._queue.get()
                if following is None:
                    yield writes
                    return
                writes.append(following)
                weight += following.weight
            n_together = len(writes)
            yield writes

    def _commit(self, writes: list[_Write]) -> None:
        try:
            results = self._carry_out(writes)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the request and not to this thread
            if len(writes) == 1 or isinstance(error, StoreUnavailableError):
                self._answer(writes, [(None, error)] * len(writes))
            else:  # one of them is at fault: let each stand alone
                for write in writes:
                    self._commit([write])
            return
        self._answer(writes, [(result, None) for result in results])

    def _carry_out(self, writes: list[_Write]) -> Sequence[Any]:
        for attempt in range(_MOST_ATTEMPTS):
            try:
                with self._store.write() as connection:
                    return _run_all(connection, writes)
            except StoreBusyError:
                if attempt == _MOST_ATTEMPTS - 1 or self._store.is_sqlite:  # SQLite has waited long enough by itself
                    raise
        raise AssertionError("unreachable")


def _run_all(connection: Connection, writes: list[_Write]) -> Sequence[Any]:
    batches = [write.work for write in writes if isinstance(write.work, Batch)]
    if batches:
        return upsert_batches(connection, batches)
    return [write.work(connection) for write in writes if not isinstance(write.work, Batch)]
