"""Noticing a database that is there but does not answer, so that nobody waits for it longer than a second or so."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import monotonic

from app.errors import StoreUnavailableError
from app.storage.engine import Store
from app.storage.group_writer import GroupWriter

PAUSE_SECONDS = 0.5
ANSWER_SECONDS = 1.0


async def watch_store(store: Store, writer: GroupWriter, stopping: asyncio.Event) -> None:
    """Ask the database again and again, and break off what waits for it when it does not answer.

    A connection that is cut is noticed by whoever uses it. A server that is stopped, or a network that swallows what is
    sent, is noticed by nobody but a clock.

    Parameters
    ----------
    store : Store
        On PostgreSQL.
    writer : GroupWriter
        Whose callers wait.
    stopping : asyncio.Event
        Ends it.
    """
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, "store-watch") as own_thread:  # which those that wait for the database do not hold up
        while not stopping.is_set():
            asked_at = monotonic()
            probe = loop.run_in_executor(own_thread, store.probe)
            done, _ = await asyncio.wait({probe}, timeout=ANSWER_SECONDS)
            if not done and monotonic() - asked_at > 2 * ANSWER_SECONDS:  # it was this process that stood still
                done, _ = await asyncio.wait({probe}, timeout=ANSWER_SECONDS)
            if not done:
                store.break_off()
                writer.give_up()
            with suppress(StoreUnavailableError):
                await probe
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), PAUSE_SECONDS)
