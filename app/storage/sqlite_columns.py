"""Reading SQLite's ratings straight into arrays: no Python object for any row.

The driver makes a tuple and four numbers of every row, which is most of the time of a full read. Here compiled code
calls SQLite's own functions: those of the library that the driver carries, since a second library that opened the same
file would drop the first one's locks.
"""

import ctypes
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from numba import types
from numpy.typing import NDArray

from app.errors import StoreUnavailableError
from app.factorization.compiled import compiled

RatingColumns = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]
"""User keys, item keys, values, timestamps in microseconds; each of shape (n_ratings,)."""

_ROW, _DONE = 100, 101  # what sqlite3_step answers
_OPEN_READWRITE = 2  # which a reader of a write-ahead log needs; it makes no file
_ROWS = 1 << 20
_KINDS = (np.int64, np.int64, np.float64, np.int64)

_sqlite = ctypes.CDLL(importlib.import_module("pysqlite3._sqlite3").__file__)
_sqlite.sqlite3_errmsg.restype = ctypes.c_char_p
_pointer = ctypes.c_void_p


def _compiled_call(name: str, signature: Any) -> Any:
    # under a name of ours, so that it is never another library's function of that name
    llvm.add_symbol(f"foldin_{name}", ctypes.cast(_sqlite[name], _pointer).value)
    return types.ExternalFunction(f"foldin_{name}", signature)


_step = _compiled_call("sqlite3_step", types.int32(types.intp))
_column_int64 = _compiled_call("sqlite3_column_int64", types.int64(types.intp, types.int32))
_column_double = _compiled_call("sqlite3_column_double", types.float64(types.intp, types.int32))


class RatingScan:
    """All ratings as they were when the scan began, however much is written meanwhile.

    Parameters
    ----------
    path : str
        The database file.
    busy_seconds : float
        How long to wait for a lock.
    """

    _QUERY = b"SELECT user_key, item_key, value, timestamp FROM ratings WHERE value IS NOT NULL"

    def __init__(self, path: str, busy_seconds: float) -> None:
        self._database, self._statement = _pointer(), _pointer()
        try:
            self._check(_sqlite.sqlite3_open_v2(path.encode(), ctypes.byref(self._database), _OPEN_READWRITE, None))
            self._check(_sqlite.sqlite3_busy_timeout(self._database, int(busy_seconds * 1000)))
            prepared = ctypes.byref(self._statement)
            self._check(_sqlite.sqlite3_prepare_v2(self._database, self._QUERY, -1, prepared, None))
            self._status = _sqlite.sqlite3_step(self._statement)
        except StoreUnavailableError:
            self.close()
            raise

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
        while self._status == _ROW:
            columns: Any = tuple(np.empty(_ROWS, kind) for kind in _KINDS)
            n_rows, self._status = _fill(self._statement.value or 0, *columns)
            parts.append(tuple(column[:n_rows] for column in columns))
        if self._status != _DONE:
            self._check(self._status)
        read: Any = tuple(
            np.concatenate([part[column] for part in parts] or [np.empty(0, kind)])
            for column, kind in enumerate(_KINDS)
        )
        return read  # type: ignore[no-any-return]

    def close(self) -> None:
        """Let go of the state that was read."""
        _sqlite.sqlite3_finalize(self._statement)
        _sqlite.sqlite3_close(self._database)

    def _check(self, status: int) -> None:
        if status:
            reason = _sqlite.sqlite3_errmsg(self._database).decode(errors="replace")
            raise StoreUnavailableError(f"the ratings could not be read: {reason}")


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
    n_rows, status = 0, _ROW
    while status == _ROW and n_rows < len(users):
        users[n_rows] = _column_int64(statement, 0)
        items[n_rows] = _column_int64(statement, 1)
        values[n_rows] = _column_double(statement, 2)
        times[n_rows] = _column_int64(statement, 3)
        n_rows += 1
        status = _step(statement)
    return n_rows, status
