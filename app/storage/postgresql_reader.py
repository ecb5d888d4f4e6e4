"""The hot read on PostgreSQL; a file of its own, since a service on SQLite need not load what it needs."""

import contextlib

import numpy as np
import psycopg
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from app.errors import StoreUnavailableError
from app.storage.engine import Store
from app.storage.guarded_reader import Guard
from app.storage.user_ratings import COLUMNS, STATEMENT, UserRatings

_STATEMENT = STATEMENT.format(columns=", ".join(COLUMNS), parameter="%s")


class PostgresqlReader:
    """Reads one user's ratings with a pool of connections of its own, within a deadline.

    Parameters
    ----------
    store : Store
        Where the ratings are.
    deadline_seconds : float
        How long a read may take.
    """

    def __init__(self, store: Store, deadline_seconds: float) -> None:
        self._guard = Guard(deadline_seconds)
        conninfo = store.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._pool = AsyncConnectionPool(
            conninfo, min_size=1, max_size=4, timeout=1.0, open=False, kwargs={"autocommit": True, "connect_timeout": 3}
        )

    async def open(self) -> None:
        """Connect."""
        with contextlib.suppress(PoolTimeout):  # the pool goes on trying by itself
            await self._pool.open(wait=True, timeout=5.0)

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
        """
        return await self._guard.read(self._read(user_id))

    async def _read(self, user_id: str) -> UserRatings:
        try:
            async with self._pool.connection() as connection:
                cursor = await connection.execute(_STATEMENT, (user_id,), prepare=True)
                rows = await cursor.fetchall()
        except (psycopg.Error, PoolTimeout, PoolClosed) as error:
            raise StoreUnavailableError(f"the ratings could not be read: {error}") from error
        keys, values, timestamps = zip(*rows, strict=True) if rows else ((), (), ())
        return UserRatings(np.array(keys, np.int64), np.array(values, np.float64), np.array(timestamps, np.int64))

    async def close(self) -> None:
        """Disconnect."""
        await self._guard.close()
        await self._pool.close()
