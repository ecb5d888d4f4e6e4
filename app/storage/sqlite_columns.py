"""Reading SQLite's ratings straight into arrays: no Python object for any row.

The driver makes a tuple and four numbers of every row, which is most of the time of a full read.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.factorization.compiled import compiled
from app.storage.sqlite_library import DONE, ROW, PreparedQuery, column_double, column_int64, step

RatingColumns = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]
"""User keys, item keys, values, timestamps in microseconds; each of shape (n_ratings,)."""

_ROWS = 1 << 20
_KINDS = (np.int64, np.int64, np.float64, np.int64)


class RatingScan:
    """All ratings as they were when the scan began, however much is written meanwhile.

    Parameters
    ----------
    path : str
        The database file.
    busy_seconds : float
        How long to wait for a lock.
    """

    _QUERY = "SELECT user_key, item_key, value, timestamp FROM ratings WHERE value IS NOT NULL"

    def __init__(self, path: str, busy_seconds: float) -> None:
        self._query = PreparedQuery(path, self._QUERY, busy_seconds=busy_seconds)
        self._status = self._query.begin()

    def read(self) -> RatingColumns:
        """Read to the end.

        Returns
        -------
        RatingColumns
            In the order of the keys.

        Raises
        ------
        StoreUnavailableError
            If the file cannot be read.
        """
        parts: list[RatingColumns] = []
        while self._status == ROW:
            columns: Any = tuple(np.empty(_ROWS, kind) for kind in _KINDS)
            n_rows, self._status = _fill(self._query.statement, *columns)
            parts.append(tuple(column[:n_rows] for column in columns))
        if self._status != DONE:
            self._query.check(self._status)
        read: Any = tuple(
            np.concatenate([part[column] for part in parts] or [np.empty(0, kind)])
            for column, kind in enumerate(_KINDS)
        )
        return read  # type: ignore[no-any-return]

    def close(self) -> None:
        """Let go of the state that was read."""
        self._query.close()


@contextmanager
def scanning(path: str, busy_seconds: float) -> Iterator[RatingScan]:
    """Begin a scan.

    Parameters
    ----------
    path : str
        The database file.
    busy_seconds : float
        How long to wait for a lock.

    Yields
    ------
    RatingScan
        Of the present state.
    """
    scan = RatingScan(path, busy_seconds)
    try:
        yield scan
    finally:
        scan.close()


@compiled
def _fill(
    statement: int,
    users: NDArray[np.int64],
    items: NDArray[np.int64],
    values: NDArray[np.float64],
    times: NDArray[np.int64],
) -> tuple[int, int]:
    n_rows, status = 0, ROW
    while status == ROW and n_rows < len(users):
        users[n_rows] = column_int64(statement, 0)
        items[n_rows] = column_int64(statement, 1)
        values[n_rows] = column_double(statement, 2)
        times[n_rows] = column_int64(statement, 3)
        n_rows += 1
        status = step(statement)
    return n_rows, status
