"""Writing many ratings at once: columns in, arrays of keys, and one statement for hundreds of thousands of rows.

What is new, which in an import is most, is inserted as the database does it fastest; only where a pair exists already
are times compared.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from sqlalchemy import Connection, Table, func, select

from app.storage.keys import ensure_keys, share_keys
from app.storage.rating_changes import note_changes
from app.storage.rating_table import RatingTable
from app.storage.schema import deleted_items, erasures, items, users
from app.storage.upserts import WriteCounts

_MOST_REMEMBERED = 150_000  # ids of each kind, at some 190 bytes
_LAST_ERASURE = select(func.max(erasures.c.id))
_LAST_DELETION = select(func.max(deleted_items.c.revision))
_SLICE = 10_000
# in KiB: rows come in the order of the pages, which a larger cache would not hold longer
_CACHE = "PRAGMA cache_size=-32768"
_INSERT = (
    "INSERT INTO ratings (user_key, item_key, value, timestamp) {rows} ON CONFLICT (user_key, item_key) DO {action}"
)
_REPLACE_OLDER = """UPDATE SET value = excluded.value, timestamp = excluded.timestamp
    WHERE excluded.timestamp > ratings.timestamp OR (excluded.timestamp = ratings.timestamp
        AND (ratings.value IS NULL OR excluded.value <> ratings.value))"""
_STAGED = "SELECT user_key, item_key, value, timestamp FROM incoming_ratings WHERE true ORDER BY user_key, item_key"
_COUNT = """
    SELECT count(CASE WHEN incoming.timestamp < ratings.timestamp THEN 1 END),
           count(CASE WHEN incoming.timestamp >= ratings.timestamp AND ratings.value IS NULL THEN 1 END)
    FROM incoming_ratings AS incoming CROSS JOIN ratings
    WHERE ratings.user_key = incoming.user_key AND ratings.item_key = incoming.item_key"""
_STAGING = (
    "CREATE TEMP TABLE IF NOT EXISTS incoming_ratings "
    "(user_key bigint NOT NULL, item_key bigint NOT NULL, value double precision NOT NULL, timestamp bigint NOT NULL)"
)
_COLUMNS = "(user_key, item_key, value, timestamp)"


@dataclass(slots=True)
class BulkWriter:
    """Writes tables of ratings one after the other, remembering the keys of ids between them.

    It belongs to one run of transactions that all commit: after a failure it must forget, since ids that were rolled
    back have lost their keys.
    """

    _user_keys: dict[str, int] = field(default_factory=dict)
    _item_keys: dict[str, int] = field(default_factory=dict)
    _deletions: tuple[int | None, int | None] = (None, None)
    _expects_new: bool = True

    def write(self, connection: Connection, table: RatingTable) -> WriteCounts:
        """Write ratings; for each pair the newest timestamp wins, and of equal ones the later.

        Parameters
        ----------
        connection : Connection
            In a write transaction that has not written yet.
        table : RatingTable
            Validated.

        Returns
        -------
        WriteCounts
            What became of them.
        """
        share_keys(connection)
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(_CACHE)
        self._forget_erased(connection)
        user_keys = _to_keys(connection, users, table.user_ids, self._user_keys)[table.users]
        item_keys = _to_keys(connection, items, table.item_ids, self._item_keys)[table.items]
        rows = _newest(user_keys, item_keys, table)
        n_rows = len(rows[0])
        if self._expects_new and connection.dialect.name == "postgresql" and _copy_new(connection, rows):
            n_created, n_revived, n_older, n_changed = n_rows, 0, 0, n_rows
        else:
            n_created, n_revived, n_older, n_changed = _merge(connection, rows)
            self._expects_new = n_created == n_rows
        note_changes(connection, n_changed, rows[0], rows[1])
        n_updated = n_rows - n_created - n_older - n_revived
        return WriteCounts(len(table), n_created + n_revived, n_updated, len(table) - n_rows + n_older)

    def forget(self) -> None:
        """Forget the keys, after a transaction that did not commit."""
        self._user_keys.clear()
        self._item_keys.clear()

    def _forget_erased(self, connection: Connection) -> None:
        # a remembered key may be that of a user erased or an item deleted since
        deletions = (connection.execute(_LAST_ERASURE).scalar_one(), connection.execute(_LAST_DELETION).scalar_one())
        if deletions != self._deletions:
            self.forget()
        self._deletions = deletions


Rows = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]
"""User keys, item keys, values, timestamps; each of shape (n_rows,)."""


def _to_keys(connection: Connection, table: Table, ids: list[str], known: dict[str, int]) -> NDArray[np.int64]:
    missing = sorted(outside_id for outside_id in ids if outside_id not in known)
    if len(known) + len(missing) > _MOST_REMEMBERED:
        known.clear()
        missing = sorted(ids)
    for start in range(0, len(missing), _SLICE):
        found = ensure_keys(connection, table, set(missing[start : start + _SLICE]))
        known.update((outside_id, found[outside_id]) for outside_id in missing[start : start + _SLICE])
    return np.fromiter(map(known.__getitem__, ids), np.int64, count=len(ids))


def _newest(user_keys: NDArray[np.int64], item_keys: NDArray[np.int64], table: RatingTable) -> Rows:
    # in the order of the keys: the same for every writer, and that of the pages
    order = np.lexsort((table.timestamps, item_keys, user_keys))  # stable: of equal times the later comes last
    user_keys, item_keys = user_keys[order], item_keys[order]
    is_last = np.ones(len(order), bool)
    is_last[:-1] = (user_keys[1:] != user_keys[:-1]) | (item_keys[1:] != item_keys[:-1])
    kept = order[is_last]
    return user_keys[is_last], item_keys[is_last], table.values[kept], table.timestamps[kept]


def _merge(connection: Connection, rows: Rows) -> tuple[int, int, int, int]:
    # numbers of rows: new, in place of a tombstone, older than what is stored, changed in the store
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        n_created = _run_many(connection, _INSERT.format(rows="VALUES (?, ?, ?, ?)", action="NOTHING"), rows)
        if n_created == len(rows[0]):
            return n_created, 0, 0, n_created
    connection.exec_driver_sql(_STAGING)
    connection.exec_driver_sql("DELETE FROM incoming_ratings")
    if is_sqlite:
        _run_many(connection, "INSERT INTO incoming_ratings VALUES (?, ?, ?, ?)", rows)
    else:
        copy_rows(_raw(connection), "incoming_ratings", rows)
        connection.exec_driver_sql("ANALYZE incoming_ratings")
        n_created = connection.exec_driver_sql(_INSERT.format(rows=_STAGED, action="NOTHING")).rowcount
    n_older, n_revived = connection.exec_driver_sql(_COUNT).one()
    n_replaced = connection.exec_driver_sql(_INSERT.format(rows=_STAGED, action=_REPLACE_OLDER)).rowcount
    connection.exec_driver_sql("DELETE FROM incoming_ratings")
    return n_created, n_revived, n_older, n_created + n_replaced


def _run_many(connection: Connection, statement: str, rows: Rows) -> int:
    return int(_raw(connection).executemany(statement, tuples(rows)).rowcount)


def _raw(connection: Connection) -> Any:
    return connection.connection.dbapi_connection


def tuples(rows: Rows) -> Iterator[tuple[Any, ...]]:
    """Turn columns into rows, a slice at a time, so that few of them are objects at once.

    Parameters
    ----------
    rows : Rows
        Columns.

    Yields
    ------
    tuple
        A row of Python numbers.
    """
    for start in range(0, len(rows[0]), _SLICE):
        yield from zip(*(column[start : start + _SLICE].tolist() for column in rows), strict=True)


def _copy_new(connection: Connection, rows: Rows) -> bool:
    # straight into the table, which is possible as long as every pair is new
    try:
        with connection.begin_nested():
            copy_rows(_raw(connection), "ratings", rows)
    except psycopg.errors.UniqueViolation:
        return False
    return True


def copy_rows(connection: Any, table: str, rows: Rows) -> None:
    """Send columns to PostgreSQL as fast as it takes them.

    Parameters
    ----------
    connection : psycopg.Connection
        In a transaction.
    table : str
        With the columns of ``ratings``.
    rows : Rows
        Columns.
    """
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} {_COLUMNS} FROM STDIN (FORMAT BINARY)") as copy:
        for part in _binary(rows):
            copy.write(part)


def _binary(rows: Rows) -> Iterable[bytes]:
    # PostgreSQL's binary COPY: a header, for each row its number of fields and each field's length and bytes, -1
    fields = [(f"{part}{column}", kind) for column in range(4) for part, kind in (("n", ">i4"), ("v", _KINDS[column]))]
    row = np.dtype([("n_fields", ">i2"), *fields])
    yield b"PGCOPY\n\xff\r\n\0" + bytes(8)
    for start in range(0, len(rows[0]), _SLICE):
        part = np.empty(len(rows[0][start : start + _SLICE]), row)
        part["n_fields"] = 4
        for column in range(4):
            part[f"n{column}"], part[f"v{column}"] = 8, rows[column][start : start + _SLICE]
        yield part.tobytes()
    yield b"\xff\xff"


_KINDS = (">i8", ">i8", ">f8", ">i8")
