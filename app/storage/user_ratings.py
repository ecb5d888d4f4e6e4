"""The hot read: one user's ratings, for every answer. A hand-written statement on a connection of its own.

On SQLite the read runs on the event loop's thread, since it takes less time than handing it to another; on PostgreSQL
it is awaited. Everything else goes through SQLAlchemy.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import orjson
import pysqlite3
from numpy.typing import NDArray

from app.errors import StoreUnavailableError
from app.storage.engine import Store, connect_sqlite

STATEMENT = """
    SELECT {columns}
    FROM users JOIN ratings ON ratings.user_key = users.user_key
    WHERE users.user_id = {parameter} AND ratings.value IS NOT NULL"""
COLUMNS = ("ratings.item_key", "ratings.value", "ratings.timestamp")

# Three JSON arrays, where every number is written exactly, and not an object for each: 36 μs for 100 ratings, not 95.
_SQLITE_STATEMENT = STATEMENT.format(
    columns=", ".join(f"json_group_array({column})" for column in COLUMNS), parameter="?"
)

# for the upper levels of the trees; the rest lies in the system's cache, of which all processes have one together
_CACHE_KIB = 4096


class UserRatings(NamedTuple):
    """What one user rated; each array of shape (n_ratings,)."""

    item_keys: NDArray[np.int64]
    """The rated items."""

    values: NDArray[np.float64]
    """On the rating scale."""

    timestamps: NDArray[np.int64]
    """Microseconds."""


class UserRatingsReader(Protocol):
    """Reads the ratings of one user as they are committed now."""

    async def open(self) -> None:
        """Connect."""

    async def read(self, user_id: str) -> UserRatings:
        """Read a user's ratings.

        Parameters
        ----------
        user_id : str
            An unknown one has none.

        Returns
        -------
        UserRatings
            In no order.

        Raises
        ------
        StoreUnavailableError
            If the database does not answer.
        """

    async def close(self) -> None:
        """Disconnect."""


def to_arrays(keys: Sequence[int], values: Sequence[float], timestamps: Sequence[int]) -> UserRatings:
    """Make arrays of what a database returned.

    Parameters
    ----------
    keys, values, timestamps : sequence
        The columns of the statement.

    Returns
    -------
    UserRatings
        In the same order.
    """
    return UserRatings(np.array(keys, np.int64), np.array(values, np.float64), np.array(timestamps, np.int64))


def user_ratings_reader(store: Store, deadline_seconds: float) -> UserRatingsReader:
    """Choose the reader for a store.

    Parameters
    ----------
    store : Store
        Where the ratings are.
    deadline_seconds : float
        How long PostgreSQL may take for a read.

    Returns
    -------
    UserRatingsReader
        To be opened before it is used.
    """
    if store.is_sqlite:
        return _SqliteReader(str(store.url.database))
    from app.storage.postgresql_reader import PostgresqlReader

    return PostgresqlReader(store, deadline_seconds)


class _SqliteReader:
    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: Any = None

    async def open(self) -> None:
        self._connection = connect_sqlite(self._path)
        self._connection.execute("PRAGMA query_only=ON")
        self._connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")

    async def read(self, user_id: str) -> UserRatings:
        try:
            keys, values, timestamps = self._connection.execute(_SQLITE_STATEMENT, (user_id,)).fetchone()
        except pysqlite3.Error as error:
            raise StoreUnavailableError(f"the ratings could not be read: {error}") from error
        return to_arrays(orjson.loads(keys), orjson.loads(values), orjson.loads(timestamps))

    async def close(self) -> None:
        self._connection.close()
