"""The hot read: one user's ratings, for every answer. A hand-written statement on a connection of its own.

On SQLite the read runs on the event loop's thread, since it takes less time than handing it to another; on PostgreSQL
it is awaited. Everything else goes through SQLAlchemy.
"""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from app.storage.engine import Store, parse_url

STATEMENT = """
    SELECT {columns}
    FROM users JOIN ratings ON ratings.user_key = users.user_key
    WHERE users.user_id = {parameter} AND ratings.value IS NOT NULL"""
COLUMNS = ("ratings.item_key", "ratings.value", "ratings.timestamp")


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
        from app.storage.sqlite_reader import SqliteReader

        return SqliteReader(str(store.url.database))
    from app.storage.postgresql_reader import PostgresqlReader

    return PostgresqlReader(store, deadline_seconds)


def load_reader(database_url: str) -> None:
    """Load the code of the reader for a store, before processes that will read are forked.

    Parameters
    ----------
    database_url : str
        Of the store.
    """
    if parse_url(database_url).get_backend_name() == "sqlite":
        from app.storage.sqlite_reader import SqliteReader

        SqliteReader.load()
