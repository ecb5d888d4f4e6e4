"""Every rating as four arrays, at the speed of the driver: no object per row where it can be helped.

SQLite's rows come as tuples, whose numbers go straight into one array. PostgreSQL puts the rows of a range of pages
into four arrays by itself and sends them in binary, so that Python sees four values for a hundred thousand rows.
"""

from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from app.errors import StoreUnavailableError

RatingColumns = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]
"""User keys, item keys, values, timestamps in microseconds; each of shape (n_ratings,)."""

_ALL_RATINGS = "SELECT user_key, item_key, value, timestamp FROM ratings WHERE value IS NOT NULL"
_ARRAYS = """
    SELECT array_agg(user_key), array_agg(item_key), array_agg(value), array_agg(timestamp) FROM ratings
    WHERE ctid >= '({first},0)' AND ctid < '({end},0)' AND value IS NOT NULL"""
_ROWS = 100_000
_PAGES = 1_000
_ARRAY_HEADER_BYTES = 20  # dimensions, flags, type; length and lower bound of the one dimension


def read_sqlite(connection: Connection) -> RatingColumns:
    """Read every rating from SQLite.

    Parameters
    ----------
    connection : Connection
        In a read transaction.

    Returns
    -------
    RatingColumns
        In the order of the keys.
    """
    raw: Any = connection.connection.dbapi_connection
    cursor = raw.execute(_ALL_RATINGS)
    parts: list[NDArray[np.float64]] = []
    while rows := cursor.fetchmany(_ROWS):
        # Every number fits: keys and microseconds stay below 2^53 until the year 2255.
        flat = np.fromiter(chain.from_iterable(rows), np.float64, count=4 * len(rows))
        parts.append(np.ascontiguousarray(flat.reshape(-1, 4).T))
    users, items, values, times = (np.concatenate([part[column] for part in parts] or [_EMPTY]) for column in range(4))
    return users.astype(np.int64), items.astype(np.int64), values, times.astype(np.int64)


def read_postgresql(connection: Connection) -> RatingColumns:
    """Read every rating from PostgreSQL.

    Parameters
    ----------
    connection : Connection
        In a REPEATABLE READ transaction, so that all ranges of pages show one state.

    Returns
    -------
    RatingColumns
        In the order of the table's pages.

    Raises
    ------
    StoreUnavailableError
        If the database stops answering.
    """
    size = text("SELECT pg_relation_size('ratings') / current_setting('block_size')::int")
    n_pages = int(connection.execute(size).scalar_one())
    raw: Any = connection.connection.dbapi_connection
    parts: list[list[NDArray[Any]]] = []
    for first in range(0, n_pages, _PAGES):
        result = raw.pgconn.exec_params(_ARRAYS.format(first=first, end=first + _PAGES).encode(), [], result_format=1)
        if result.error_message:
            raise StoreUnavailableError(
                f"the ratings could not be read: {result.error_message.decode(errors='replace')}"
            )
        if result.get_value(0, 0) is not None:
            parts.append([
                _numbers(result.get_value(0, column), ">f8" if column == 2 else ">i8") for column in range(4)
            ])
    users, items, values, times = (np.concatenate([part[column] for part in parts] or [_EMPTY]) for column in range(4))
    return users.astype(np.int64), items.astype(np.int64), values.astype(np.float64), times.astype(np.int64)


_EMPTY: NDArray[Any] = np.empty(0)


def _numbers(array: bytes, kind: str) -> NDArray[Any]:
    element = np.dtype([("n_bytes", ">i4"), ("number", kind)])
    numbers: NDArray[Any] = np.frombuffer(array, element, offset=_ARRAY_HEADER_BYTES)["number"]
    return numbers.astype(numbers.dtype.newbyteorder("="))
