"""SQLite's own functions, for compiled code: a row needs no Python object then, nor text that is parsed again.

They are those of the library that the driver carries, since a second library that opened the same file would drop the
first one's locks.
"""

import ctypes
import importlib
from typing import Any

import llvmlite.binding as llvm
from numba import types

from app.errors import StoreUnavailableError

ROW, DONE = 100, 101
"""What ``step`` answers."""

_OPEN_READWRITE = 2  # which a reader of a write-ahead log needs; it makes no file
_sqlite = ctypes.CDLL(importlib.import_module("pysqlite3._sqlite3").__file__)
_sqlite.sqlite3_errmsg.restype = ctypes.c_char_p
_pointer = ctypes.c_void_p


def _compiled_call(name: str, signature: Any) -> Any:
    # under a name of ours, so that it is never another library's function of that name
    llvm.add_symbol(f"foldin_{name}", ctypes.cast(_sqlite[name], _pointer).value)
    return types.ExternalFunction(f"foldin_{name}", signature)


_is_done = types.int32(types.intp)
step = _compiled_call("sqlite3_step", _is_done)
reset = _compiled_call("sqlite3_reset", _is_done)
bind_text = _compiled_call(
    "sqlite3_bind_text", types.int32(types.intp, types.int32, types.intp, types.int32, types.intp)
)
column_int64 = _compiled_call("sqlite3_column_int64", types.int64(types.intp, types.int32))
column_double = _compiled_call("sqlite3_column_double", types.float64(types.intp, types.int32))


class PreparedQuery:
    """A query on a connection of its own.

    Parameters
    ----------
    path : str
        The database file.
    query : str
        One statement.
    busy_seconds : float
        How long to wait for a lock.
    cache_kib : int, optional
        Of the database's pages.

    Raises
    ------
    StoreUnavailableError
        If the file cannot be read.
    """

    def __init__(self, path: str, query: str, *, busy_seconds: float, cache_kib: int | None = None) -> None:
        self._database, self._statement = _pointer(), _pointer()
        try:
            self.check(_sqlite.sqlite3_open_v2(path.encode(), ctypes.byref(self._database), _OPEN_READWRITE, None))
            self.check(_sqlite.sqlite3_busy_timeout(self._database, int(busy_seconds * 1000)))
            if cache_kib is not None:
                pragma = f"PRAGMA cache_size=-{cache_kib}".encode()
                self.check(_sqlite.sqlite3_exec(self._database, pragma, None, None, None))
            prepared = ctypes.byref(self._statement)
            self.check(_sqlite.sqlite3_prepare_v2(self._database, query.encode(), -1, prepared, None))
        except StoreUnavailableError:
            self.close()
            raise

    @property
    def statement(self) -> int:
        """What the compiled calls take."""
        return self._statement.value or 0

    def begin(self) -> int:
        """Go to the first row.

        Returns
        -------
        int
            ``ROW``, or ``DONE`` when there is none, or else what ``check`` makes an error of.
        """
        return int(_sqlite.sqlite3_step(self._statement))

    def check(self, status: int) -> None:
        """See to it that a call succeeded.

        Parameters
        ----------
        status : int
            What it answered, the last on this connection.

        Raises
        ------
        StoreUnavailableError
            If it did not.
        """
        if status:
            reason = _sqlite.sqlite3_errmsg(self._database).decode(errors="replace")
            raise StoreUnavailableError(f"the ratings could not be read: {reason}")

    def close(self) -> None:
        """Let go of the connection."""
        _sqlite.sqlite3_finalize(self._statement)
        _sqlite.sqlite3_close(self._database)
        self._database, self._statement = _pointer(), _pointer()
