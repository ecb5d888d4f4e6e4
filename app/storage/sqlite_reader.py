"""The hot read on SQLite: compiled code, which calls SQLite's own functions, reads a user's ratings into arrays."""

import numpy as np
from numpy.typing import NDArray

from app.factorization.compiled import compiled
from app.storage.engine import SQLITE_BUSY_SECONDS
from app.storage.sqlite_library import DONE, ROW, PreparedQuery, bind_text, column_double, column_int64, reset, step
from app.storage.user_ratings import COLUMNS, STATEMENT, UserRatings

_STATEMENT = STATEMENT.format(columns=", ".join(COLUMNS), parameter="?")
_FEW = 1_000  # ratings that there is room for at first
# for the upper levels of the trees; the rest lies in the system's cache, of which all processes have one together
_CACHE_KIB = 1024


class SqliteReader:
    """Reads one user's ratings on the caller's thread, which takes less time than handing it to another.

    Parameters
    ----------
    path : str
        The database file.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._query: PreparedQuery | None = None
        self._make_room(_FEW)

    @staticmethod
    def load() -> None:
        """Load the compiled code, or compile it where that has not been done yet."""
        nothing = np.empty(0, np.int64)
        _read(0, np.frombuffer(b"-", np.uint8), nothing, np.empty(0, np.float64), nothing)  # no statement, no row

    async def open(self) -> None:
        """Get ready; the file is opened by the first read that can."""
        self.load()

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
            If the file cannot be read.
        """
        if self._query is None:
            self._query = PreparedQuery(self._path, _STATEMENT, busy_seconds=SQLITE_BUSY_SECONDS, cache_kib=_CACHE_KIB)
        text = np.frombuffer(user_id.encode(), np.uint8)
        while True:
            n_rows, status = _read(self._query.statement, text, self._keys, self._values, self._timestamps)
            if status != ROW:
                break
            self._make_room(2 * len(self._keys))
        if status != DONE:
            self._query.check(status)
        return UserRatings(self._keys[:n_rows].copy(), self._values[:n_rows].copy(), self._timestamps[:n_rows].copy())

    async def close(self) -> None:
        """Close the file."""
        if self._query is not None:
            self._query.close()

    def _make_room(self, n_rows: int) -> None:
        self._keys, self._timestamps = np.empty(n_rows, np.int64), np.empty(n_rows, np.int64)
        self._values = np.empty(n_rows, np.float64)


@compiled
def _read(
    statement: int,
    text: NDArray[np.uint8],
    keys: NDArray[np.int64],
    values: NDArray[np.float64],
    times: NDArray[np.int64],
) -> tuple[int, int]:
    # the number of rows; ROW where there are more than there is room for, DONE, or an error
    n_rows, failed = 0, bind_text(statement, 1, text.ctypes.data, len(text), 0)
    if failed:
        return n_rows, failed
    status = step(statement)
    while status == ROW and n_rows < len(keys):
        keys[n_rows] = column_int64(statement, 0)
        values[n_rows] = column_double(statement, 1)
        times[n_rows] = column_int64(statement, 2)
        n_rows += 1
        status = step(statement)
    reset(statement)  # which lets go of the state that was read
    return n_rows, status
