"""Noticing a database that is there but does not answer, so that no write waits for it longer than a second."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import monotonic

from app.errors import StoreUnavailableError
from app.storage.engine import Store
from app.storage.group_writer import GroupWriter

PAUSE_SECONDS = 0.5
_LOOK_SECONDS = 0.05  # whether a write waits, which ends the pause


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
            asked_at = monotonic()
            probe = loop.run_in_executor(own_thread, store.probe)
            done, _ = await asyncio.wait({probe}, timeout=deadline_seconds)
            if not done and monotonic() - asked_at > 2 * deadline_seconds:  # it was this process that stood still
                done, _ = await asyncio.wait({probe}, timeout=deadline_seconds)
            if not done:
                store.break_off()
                writer.give_up()
            with suppress(StoreUnavailableError):
                await probe
            await _pause(writer, stopping)


async def _pause(writer: GroupWriter, stopping: asyncio.Event) -> None:
    until = monotonic() + PAUSE_SECONDS
    while not stopping.is_set() and monotonic() < until:
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), _LOOK_SECONDS)
        if writer.n_waiting:
            return
