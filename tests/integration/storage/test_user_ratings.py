"""The hot read gives back exactly what was stored, whatever the numbers."""

import asyncio

import numpy as np
from sqlalchemy import Connection, insert

from app.storage import schema
from app.storage.engine import Store
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
