"""Reading PostgreSQL's ratings into arrays: Python sees four values for some ten thousand rows.

The server strings the binary form of a column together by itself, which costs it less than arrays (whose elements carry
their lengths) or rows one by one.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from app.errors import StoreUnavailableError
from app.storage.sqlite_columns import RatingColumns

_STRINGS = """
    SELECT string_agg(int8send(user_key), ''), string_agg(int8send(item_key), ''),
           string_agg(float8send(value), ''), string_agg(int8send(timestamp), '')
    FROM ratings WHERE ctid >= '({first},0)' AND ctid < '({end},0)' AND value IS NOT NULL"""
_PAGES = 100  # whose strings stay in the processor's cache; more are slower
_KINDS = (">i8", ">i8", ">f8", ">i8")


def read_postgresql(connection: Connection) -> RatingColumns:
    """Read every rating.

    Parameters
    ----------
    connection : Connection
        To PostgreSQL, in a REPEATABLE READ transaction, so that all ranges of pages show one state.

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
    columns: list[list[bytes]] = [[], [], [], []]
    for first in range(0, n_pages, _PAGES):
        result = raw.pgconn.exec_params(_STRINGS.format(first=first, end=first + _PAGES).encode(), [], result_format=1)
        if result.error_message:
            reason = result.error_message.decode(errors="replace")
            raise StoreUnavailableError(f"the ratings could not be read: {reason}")
        for column, parts in enumerate(columns):
            parts.append(result.get_value(0, column) or b"")
    read: Any = tuple(_numbers(parts, kind) for parts, kind in zip(columns, _KINDS, strict=True))
    return read  # type: ignore[no-any-return]


def _numbers(parts: list[bytes], kind: str) -> NDArray[Any]:
    numbers = np.frombuffer(bytearray().join(parts), kind)
    parts.clear()
    return numbers.byteswap(inplace=True).view(numbers.dtype.newbyteorder())
