"""A read that was given up lets go of its connection before the reader is closed."""

import asyncio
import gc
import warnings
from collections.abc import Callable

import psycopg
import pytest

from app.errors import StoreUnavailableError
from app.storage.engine import Store
from app.storage.guarded_reader import Guard
from app.storage.user_ratings import user_ratings_reader


async def test_closing_waits_for_what_was_given_up():
    let_go = []

    async def slow_to_let_go() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.1)
            let_go.append(True)

    guard = Guard(0.01)
    with pytest.raises(StoreUnavailableError):
        await guard.read(slow_to_let_go())
    assert let_go == []
    await guard.close()
    assert let_go == [True]


async def give_up_and_close(url: str) -> None:
    store = Store(url)
    reader = user_ratings_reader(store, 0.05)
    await reader.open()
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        for _ in range(2):
            with pytest.raises(StoreUnavailableError):
                await reader.read("u1")
        await reader.close()
    store.close()


def left_open(run: Callable[[], None]) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run()
        gc.collect()
    return [str(warning.message) for warning in caught if issubclass(warning.category, ResourceWarning)]


def test_a_read_that_waits_for_a_lock_leaves_no_connection_open(postgresql_url: str):
    assert left_open(lambda: asyncio.run(give_up_and_close(postgresql_url))) == []
