"""Writing ratings: an upsert in which the newest time wins, so that retries and reordering are harmless.

Several batches can share one pass: each is judged as if it came after the one before, and answered by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import orjson
from sqlalchemy import Connection, Table

from app.storage.keys import array_literal, ensure_keys, share_keys
from app.storage.rating_changes import note_changes, packed
from app.storage.ratings import Rating
from app.storage.schema import items, users


class Batch(NamedTuple):
    """Ratings that arrived together at ``now`` (microseconds), which is the time of those without a timestamp."""

    ratings: Sequence[Rating]
    now: int


@dataclass(frozen=True, slots=True)
class WriteCounts:
    """What a batch did: ``accepted`` is the sum; ``ignored`` were older than what is stored or is in the same batch."""

    accepted: int
    created: int
    updated: int
    ignored: int


_Pair = int | tuple[int, int]


class _Found(NamedTuple):
    # what is stored of each rating's pair; in columns, which leave the garbage collector nothing to look through
    pairs: Sequence[_Pair]  # in whose order everybody writes
    user_keys: list[int]
    item_keys: list[int]
    timestamps: list[int | None]  # None where there is neither a rating nor a tombstone
    values: list[float | None]  # None for a tombstone


_LOOKED_UP = 1_000
"""Ratings at a time: while JSON is written or read, no other thread goes on."""

_FIND = {
    # One row of four JSON arrays: the driver lets other threads go on until a row is there, and stops them for each.
    "sqlite": """
        SELECT json_group_array(user_key), json_group_array(item_key),
            json_group_array(r.timestamp), json_group_array(r.value)
        FROM (SELECT value ->> 0 AS user_id, value ->> 1 AS item_id FROM json_each(?)) AS incoming
        LEFT JOIN users USING (user_id) LEFT JOIN items USING (item_id)
        LEFT JOIN ratings AS r USING (user_key, item_key)""",
    # LATERAL keeps the planner from reading all ratings for the sake of a few thousand.
    "postgresql": """
        SELECT u.user_key, i.item_key, r.timestamp, r.value
        FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS incoming (user_id, item_id, number)
        LEFT JOIN LATERAL (SELECT user_key FROM users WHERE users.user_id = incoming.user_id LIMIT 1) AS u ON true
        LEFT JOIN LATERAL (SELECT item_key FROM items WHERE items.item_id = incoming.item_id LIMIT 1) AS i ON true
        LEFT JOIN LATERAL (
            SELECT timestamp, value FROM ratings
            WHERE ratings.user_key = u.user_key AND ratings.item_key = i.item_key LIMIT 1
        ) AS r ON true
        ORDER BY number""",
}
_UPSERTED = 250
"""Rows of a statement on SQLite, during which other threads go on; each statement stops them."""

_UPSERT_ROWS = {
    "sqlite": "VALUES (?, ?, ?, ?)",
    "postgresql": "SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::float8[], %s::bigint[])",
}
_UPSERT = """
    INSERT INTO ratings (user_key, item_key, value, timestamp) {rows}
    ON CONFLICT (user_key, item_key) DO UPDATE SET value = excluded.value, timestamp = excluded.timestamp
    WHERE excluded.timestamp >= ratings.timestamp"""
_UPSERT_MANY = _UPSERT.format(rows="VALUES " + ", ".join(["(?, ?, ?, ?)"] * _UPSERTED))


def upsert_ratings(connection: Connection, batch: Sequence[Rating], *, now: int) -> WriteCounts:
    """Write ratings, making the users and items that they name.

    For each pair the newest timestamp wins, within the batch and against the store; of equal ones the later in order.

    Parameters
    ----------
    connection : Connection
        In a write transaction, which the caller commits.
    batch : sequence of Rating
        Validated.
    now : int
        The time of arrival in microseconds, for ratings without a timestamp.

    Returns
    -------
    WriteCounts
        How many ratings were new, replaced another, or were too old.
    """
    return upsert_batches(connection, [Batch(batch, now)])[0]


def upsert_batches(connection: Connection, batches: Sequence[Batch]) -> list[WriteCounts]:
    """Write several batches in one pass, with the result of writing one after the other.

    Parameters
    ----------
    connection : Connection
        In a write transaction that has not written yet, and does nothing else: the order in which rows are locked,
        one for everybody, keeps writers from deadlocking.
    batches : sequence of Batch
        In the order of their arrival.

    Returns
    -------
    list of WriteCounts
        For each batch.
    """
    share_keys(connection)
    found = _find(connection, [rating for batch in batches for rating in batch.ratings])
    first_rows: dict[_Pair, int] = {}
    changed: dict[_Pair, int] = {}
    counts = []
    start = 0
    for batch in batches:
        counts.append(_judge(batch, start, found, first_rows, changed))
        start += len(batch.ratings)
    rows = [changed[pair] for pair in sorted(changed)]
    columns = [[column[row] for row in rows] for column in (found.user_keys, found.item_keys)]
    _upsert(connection, [*columns, *([column[row] for row in rows] for column in (found.values, found.timestamps))])
    note_changes(connection, len(rows), *columns)
    return counts


def _judge(
    batch: Batch, start: int, found: _Found, first_rows: dict[_Pair, int], changed: dict[_Pair, int]
) -> WriteCounts:
    # Notes in `found`, in the first row of each pair, what the batch makes of it, and in `changed` where that is.
    times = [batch.now if rating.timestamp is None else rating.timestamp for rating in batch.ratings]
    pairs = found.pairs[start : start + len(times)]
    newest = dict(zip(pairs, range(len(times)), strict=True))
    if len(newest) < len(times):
        newest = {}
        for place, pair in enumerate(pairs):
            known = newest.get(pair)
            if known is None or times[place] >= times[known]:
                newest[pair] = place
    n_created = n_updated = 0
    for pair, place in newest.items():
        rating, timestamp = batch.ratings[place], times[place]
        row = first_rows.setdefault(pair, start + place)
        before, value = found.timestamps[row], found.values[row]
        if before is None:
            n_created += 1
        else:
            if timestamp < before:
                if rating.timestamp is not None:
                    continue
                # An untimed rating is the newest by its arrival, even where another machine's clock is ahead.
                timestamp = before
            n_created += value is None
            n_updated += value is not None
            if before == timestamp and value == rating.value:
                continue
        found.timestamps[row], found.values[row] = timestamp, rating.value
        changed[pair] = row
    return WriteCounts(len(times), n_created, n_updated, len(times) - n_created - n_updated)


def _find(connection: Connection, batch: Sequence[Rating]) -> _Found:
    user_ids, item_ids = [rating.user_id for rating in batch], [rating.item_id for rating in batch]
    columns: tuple[list[Any], ...] = [], [], [], []
    for start in range(0, len(batch), _LOOKED_UP):
        part = slice(start, start + _LOOKED_UP)
        for column, its_part in zip(columns, _look_up(connection, user_ids[part], item_ids[part]), strict=True):
            column += its_part
    user_keys = _complete(connection, users, user_ids, columns[0])
    item_keys = _complete(connection, items, item_ids, columns[1])
    together = packed(np.array(user_keys, np.int64), np.array(item_keys, np.int64))
    pairs = list(zip(user_keys, item_keys, strict=True)) if together is None else together.tolist()
    return _Found(pairs, user_keys, item_keys, columns[2], columns[3])


def _look_up(connection: Connection, user_ids: list[str], item_ids: list[str]) -> list[list[Any]]:
    # the columns of _FIND
    if connection.dialect.name == "postgresql":
        arrays = array_literal(user_ids), array_literal(item_ids)
        cursor: Any = connection.exec_driver_sql(_FIND["postgresql"], arrays).cursor
        rows = cursor.fetchall()  # the driver's tuples, since a row of SQLAlchemy's costs as much as its look-up
        return [[row[column] for row in rows] for column in range(4)]
    pairs = orjson.dumps(list(zip(user_ids, item_ids, strict=True))).decode()
    return [orjson.loads(column) for column in connection.exec_driver_sql(_FIND["sqlite"], (pairs,)).one()]


def _complete(connection: Connection, table: Table, ids: list[str], keys: list[int | None]) -> list[int]:
    if None not in keys:
        return keys  # type: ignore[return-value]
    added = ensure_keys(connection, table, {ids[row] for row, key in enumerate(keys) if key is None})
    return [added[ids[row]] if key is None else key for row, key in enumerate(keys)]


def _upsert(connection: Connection, columns: Sequence[list[Any]]) -> None:
    # user keys, item keys, values and timestamps
    dialect, n_rows = connection.dialect.name, len(columns[0])
    statement = _UPSERT.format(rows=_UPSERT_ROWS[dialect])
    if not n_rows:
        return
    if dialect == "postgresql":
        connection.exec_driver_sql(statement, tuple(map(array_literal, columns)))
        return
    n_together = n_rows - n_rows % _UPSERTED
    for start in range(0, n_together, _UPSERTED):
        values: list[Any] = [None] * (4 * _UPSERTED)
        for number, column in enumerate(columns):
            values[number::4] = column[start : start + _UPSERTED]
        connection.exec_driver_sql(_UPSERT_MANY, tuple(values))
    if n_together < n_rows:
        left = zip(*(column[n_together:] for column in columns), strict=True)
        connection.exec_driver_sql(statement, list(left))
