"""Group commit: writes that arrive together share one transaction, and each is answered only after it is committed.

A commit costs a sync of the disk. One thread takes all waiting writes, runs them in one transaction, and while that is
being synced the next ones gather.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection

from app.errors import StoreUnavailableError
from app.storage.engine import Store

T = TypeVar("T")
_MOST_TOGETHER = 256


@dataclass(slots=True)
class _Write:
    work: Callable[[Connection], Any]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop

    def resolve(self, result: object, error: BaseException | None) -> None:
        self.loop.call_soon_threadsafe(self._settle, result, error)

    def _settle(self, result: object, error: BaseException | None) -> None:
        if self.future.cancelled():
            return
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)


class GroupWriter:
    """Commits writes of concurrent requests together.

    Parameters
    ----------
    store : Store
        Where to write.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="group-writer", daemon=True)
        self._thread.start()

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
        loop = asyncio.get_running_loop()
        write = _Write(work, loop.create_future(), loop)
        self._queue.put(write)
        result: T = await asyncio.shield(write.future)
        return result

    def close(self) -> None:
        """Finish what was accepted and stop."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        is_open = True
        while is_open:
            writes: list[_Write] = []
            while len(writes) < _MOST_TOGETHER and (not writes or not self._queue.empty()):
                write = self._queue.get()
                if write is None:
                    is_open = False
                    break
                writes.append(write)
            if writes:
                self._commit(writes)

    def _commit(self, writes: list[_Write]) -> None:
        try:
            with self._store.write() as connection:
                results = [write.work(connection) for write in writes]
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the request and not to this thread
            if len(writes) == 1 or isinstance(error, StoreUnavailableError):
                for write in writes:
                    write.resolve(None, error)
            else:  # one of them is at fault: let each stand alone
                for write in writes:
                    self._commit([write])
            return
        for write, result in zip(writes, results, strict=True):
            write.resolve(result, None)
