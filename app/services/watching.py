"""Noticing a database that is there but does not answer, so that no write waits for it longer than a second."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import monotonic

from app.errors import StoreUnavailableError
from app.storage.engine import Store
from app.storage.group_writer import GroupWriter

PAUSE_SECONDS = 0.5
_LEAST_PAUSE_SECONDS = 0.05  # an honest write may take its time, and others come all the time
_LOOKS = 10  # within the deadline
_LONGEST_LOOK = 4  # in planned ones: what takes longer is a process that stood still, and no silence of the database


async def watch_store(store: Store, writer: GroupWriter, stopping: asyncio.Event, *, deadline_seconds: float) -> None:
    """Ask the database again and again, and break off what waits for it when it does not answer.

    A connection that is cut is noticed by whoever uses it. A server that is stopped, or a network that swallows what is
    sent, is noticed by nobody but a clock. While a write waits, the database is asked without a pause.

    Parameters
    ----------
    store : Store
        On PostgreSQL.
    writer : GroupWriter
        Whose callers wait.
    stopping : asyncio.Event
        Ends it.
    deadline_seconds : float
        How long the database may take to answer nothing.
    """
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, "store-watch") as own_thread:  # which those that wait for the database do not hold up
        while not stopping.is_set():
            probe = loop.run_in_executor(own_thread, store.probe)
            if not await _is_answered(store, probe, deadline_seconds):
                store.break_off()
                writer.give_up()
            with suppress(StoreUnavailableError):
                await probe
            await _pause(writer, stopping)


async def _is_answered(store: Store, probe: asyncio.Future[None], deadline_seconds: float) -> bool:
    # as long as the database answers anybody, and for the deadline after that
    look_seconds, waited = deadline_seconds / _LOOKS, 0.0
    while min(waited, store.silent_seconds) < deadline_seconds:
        looked_at = monotonic()
        done, _ = await asyncio.wait({probe}, timeout=look_seconds)
        if done:
            return True
        waited += min(monotonic() - looked_at, _LONGEST_LOOK * look_seconds)
    return False


async def _pause(writer: GroupWriter, stopping: asyncio.Event) -> None:
    await _until_one(stopping.wait(), seconds=_LEAST_PAUSE_SECONDS)
    await _until_one(stopping.wait(), writer.until_waiting(), seconds=PAUSE_SECONDS - _LEAST_PAUSE_SECONDS)


async def _until_one(*waits: Coroutine[object, object, object], seconds: float) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
