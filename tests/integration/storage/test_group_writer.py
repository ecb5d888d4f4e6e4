"""Writes that share a transaction: each is answered for itself, after the commit, and none spoils another."""

import asyncio
import threading

import pytest
from sqlalchemy import text

from app.errors import StoreBusyError, StoreUnavailableError
from app.storage.engine import Store
from app.storage.group_writer import GroupWriter
from app.storage.rating_changes import n_rating_changes
from app.storage.ratings import Rating, delete_rating, erase_user


@pytest.fixture
def writer(store: Store):
    opened = GroupWriter(store)
    yield opened
    opened.close()


def n_stored(store: Store) -> int:
    with store.read() as connection:
        return int(connection.execute(text("SELECT count(value) FROM ratings")).scalar_one())


async def test_every_writer_gets_its_own_answer(store, writer):
    answers = await asyncio.gather(
        *(writer.rate([Rating(f"u{n % 50}", "i", 1.0, n)], now=9) for n in range(200)),
    )
    assert sum(answer.created for answer in answers) == 50
    assert all(answer.accepted == 1 for answer in answers)
    assert n_stored(store) == 50


async def test_what_is_acknowledged_can_be_read_by_others(store, writer):
    for n in range(20):
        await writer.rate([Rating("u", f"i{n}", 1.0, n)], now=9)
        assert n_stored(store) == n + 1


async def test_a_failing_write_fails_alone(store, writer):
    def fail(connection):
        connection.execute(text("INSERT INTO users (user_id) VALUES ('half')"))
        raise ZeroDivisionError

    works = [
        writer.write(fail) if n % 5 == 0 else writer.rate([Rating(f"u{n}", "i", 1.0, n)], now=9) for n in range(40)
    ]
    answers = await asyncio.gather(*works, return_exceptions=True)
    assert [isinstance(answer, ZeroDivisionError) for answer in answers] == [n % 5 == 0 for n in range(40)]
    assert n_stored(store) == 32
    with store.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM users WHERE user_id = 'half'")).scalar_one() == 0


async def test_order_is_kept_between_ratings_and_other_writes(store, writer):
    answers = await asyncio.gather(
        writer.rate([Rating("u", "i", 1.0, None)], now=1),
        writer.write(lambda connection: delete_rating(connection, "u", "i", now=2)),
        writer.rate([Rating("u", "i", 2.0, None)], now=3),
        writer.write(lambda connection: erase_user(connection, "u", now=4)),
        writer.rate([Rating("u", "i", 3.0, None)], now=5),
    )
    assert answers[1] is True
    assert answers[3] is not None
    assert answers[3].n_ratings == 1
    assert n_stored(store) == 1
    with store.read() as connection:
        assert n_rating_changes(connection) == 5


async def test_more_than_can_wait_is_refused_and_the_rest_is_stored(store):
    writer = GroupWriter(store, most_waiting=50)
    gate, begun = threading.Event(), threading.Event()

    def block(_connection: object) -> None:
        begun.set()
        gate.wait()

    blocked = asyncio.ensure_future(writer.write(block))
    assert await asyncio.to_thread(begun.wait, 60)
    waiting = [asyncio.ensure_future(writer.rate([Rating(f"u{n}", "i", 1.0, n)], now=9)) for n in range(60)]
    for _ in range(2):  # each of them has begun to wait, or been refused
        await asyncio.sleep(0)
    refused = sum(isinstance(task.exception(), StoreBusyError) for task in waiting if task.done())
    assert refused == 60 - 24  # each weighs two: itself and its rating
    gate.set()
    await asyncio.gather(blocked, *waiting, return_exceptions=True)
    assert n_stored(store) == 24
    assert (await writer.rate([Rating("later", "i", 1.0, 1)], now=9)).created == 1
    await asyncio.to_thread(writer.close)


async def test_an_unreachable_database_fails_every_write_and_heals():
    writer = GroupWriter(Store("postgresql://nobody:x@127.0.0.1:1/none"))
    answers = await asyncio.gather(
        *(writer.rate([Rating("u", "i", 1.0, n)], now=9) for n in range(5)), return_exceptions=True
    )
    assert {type(answer) for answer in answers} == {StoreUnavailableError}
    await asyncio.to_thread(writer.close)


async def test_a_client_that_leaves_does_not_stop_the_write(store, writer):
    gate = threading.Event()
    blocked = asyncio.ensure_future(writer.write(lambda _: gate.wait()))
    leaving = asyncio.ensure_future(writer.rate([Rating("u", "i", 1.0, 1)], now=9))
    await asyncio.sleep(0.05)
    leaving.cancel()
    gate.set()
    await blocked
    await writer.rate([Rating("v", "i", 1.0, 1)], now=9)
    assert n_stored(store) == 2
