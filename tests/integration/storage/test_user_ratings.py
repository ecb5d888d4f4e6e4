"""The hot read gives back exactly what was stored, whatever the numbers."""

import asyncio
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, insert

from app.errors import StoreUnavailableError
from app.storage import schema
from app.storage.engine import Store, connect_sqlite
from app.storage.sqlite_library import PreparedQuery
from app.storage.sqlite_reader import SqliteReader
from app.storage.user_ratings import UserRatings, user_ratings_reader


async def read(store: Store, user_id: str) -> UserRatings:
    reader = user_ratings_reader(store, 10.0)
    await reader.open()
    try:
        return await reader.read(user_id)
    finally:
        await reader.close()


def add_user(connection: Connection, user_id: str) -> int:
    (key,) = connection.execute(insert(schema.users).values(user_id=user_id).returning(schema.users.c.user_key)).one()
    return int(key)


def any_doubles(n: int) -> list[float]:
    drawn = np.frombuffer(np.random.default_rng(0).bytes(8 * n), np.float64)
    return [*drawn[np.isfinite(drawn)].tolist(), 0.1, 3.7, 1 / 3, 0.0, 5e-324, 1.7976931348623157e308, 5.0]


def test_every_number_comes_back_to_the_last_bit(store: Store):
    values = any_doubles(5_000)
    times = [(-1) ** place * (2**62 + place) for place in range(len(values))]
    with store.write() as connection:
        user = add_user(connection, "ü/1")
        rows = [
            {"user_key": user, "item_key": place + 1, "value": value, "timestamp": time}
            for place, (value, time) in enumerate(zip(values, times, strict=True))
        ]
        connection.execute(insert(schema.ratings), rows)
    found = asyncio.run(read(store, "ü/1"))
    order = np.argsort(found.item_keys)
    np.testing.assert_array_equal(found.item_keys[order], np.arange(1, len(values) + 1))
    assert found.values[order].tobytes() == np.array(values).tobytes()
    np.testing.assert_array_equal(found.timestamps[order], np.array(times))


def test_deleted_ratings_and_unknown_users_have_none(store: Store):
    with store.write() as connection:
        row = {"user_key": add_user(connection, "u"), "item_key": 1, "value": None, "timestamp": 5}
        connection.execute(insert(schema.ratings), [row])
    for user_id in ("u", "nobody"):
        found = asyncio.run(read(store, user_id))
        assert [(column.dtype.name, len(column)) for column in found] == [("int64", 0), ("float64", 0), ("int64", 0)]


def test_a_read_lets_go_of_what_it_has_seen(tmp_path):
    path = str(tmp_path / "ratings.db")
    with closing(connect_sqlite(path)) as connection:
        connection.execute("CREATE TABLE users (user_key INTEGER PRIMARY KEY, user_id TEXT UNIQUE)")
        connection.execute("CREATE TABLE ratings (user_key, item_key, value, timestamp)")
        connection.execute("INSERT INTO users VALUES (1, 'u')")
        connection.executemany("INSERT INTO ratings VALUES (1, ?, 3, 0)", [(key,) for key in range(3_000)])
        query = PreparedQuery(path, "SELECT 1 FROM ratings", busy_seconds=0.0)
        reader = SqliteReader(path)
        assert len(asyncio.run(reader.read("u")).item_keys) == 3_000
        connection.execute("INSERT INTO users VALUES (2, 'v')")
        assert is_log_emptied(connection)
        query.begin()  # and not to the end
        connection.execute("INSERT INTO users VALUES (3, 'w')")
        connection.execute("PRAGMA busy_timeout=0")
        assert not is_log_emptied(connection)
        query.close()
        asyncio.run(reader.close())


def is_log_emptied(connection: Any) -> bool:
    (is_busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not is_busy


def test_a_file_that_is_not_there_is_an_unreachable_store_and_is_not_made(tmp_path):
    reader = SqliteReader(str(tmp_path / "none.db"))
    with pytest.raises(StoreUnavailableError, match="unable to open"):
        asyncio.run(reader.read("u"))
    asyncio.run(reader.close())
    assert not list(tmp_path.iterdir())
