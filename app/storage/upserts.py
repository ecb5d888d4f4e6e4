"""Writing ratings: an upsert in which the newest time wins, so that retries and reordering are harmless.

Several batches can share one pass: each is judged as if it came after the one before, and answered by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Table

from app.storage.keys import array_literal, ensure_keys, share_keys
from app.storage.rating_changes import note_changes
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


_Pair = tuple[int, int]
_State = tuple[int, float | None]  # timestamp and value, None for a tombstone


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
_UPSERT_ROWS = {
    "sqlite": "VALUES (?, ?, ?, ?)",
    "postgresql": "SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::float8[], %s::bigint[])",
}
_UPSERT = """
    INSERT INTO ratings (user_key, item_key, value, timestamp) {rows}
    ON CONFLICT (user_key, item_key) DO UPDATE SET value = excluded.value, timestamp = excluded.timestamp
    WHERE excluded.timestamp >= ratings.timestamp"""


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
    pairs, stored = _find(connection, [rating for batch in batches for rating in batch.ratings])
    changed: dict[_Pair, tuple[float, int]] = {}
    counts = []
    start = 0
    for batch in batches:
        end = start + len(batch.ratings)
        counts.append(_judge(batch, pairs[start:end], stored, changed))
        start = end
    rows = [(*pair, *changed[pair]) for pair in sorted(changed)]
    _upsert(connection, rows)
    note_changes(connection, len(rows), [row[0] for row in rows], [row[1] for row in rows])
    return counts


def _judge(
    batch: Batch, pairs: Sequence[_Pair], stored: dict[_Pair, _State], changed: dict[_Pair, tuple[float, int]]
) -> WriteCounts:
    # notes in `stored` and `changed` what the batch makes of its pairs
    now = batch.now
    newest: dict[_Pair, tuple[int, Rating]] = {}
    for pair, rating in zip(pairs, batch.ratings, strict=True):
        time = now if rating.timestamp is None else rating.timestamp
        known = newest.get(pair)
        if known is None or time >= known[0]:
            newest[pair] = time, rating
    n_created = n_updated = 0
    for pair, (timestamp, rating) in newest.items():
        before = stored.get(pair)
        if before is None:
            n_created += 1
        else:
            if timestamp < before[0]:
                if rating.timestamp is not None:
                    continue
                # An untimed rating is the newest by its arrival, even where another machine's clock is ahead.
                timestamp = before[0]
            n_created += before[1] is None
            n_updated += before[1] is not None
            if before == (timestamp, rating.value):
                continue
        stored[pair] = timestamp, rating.value
        changed[pair] = rating.value, timestamp
    return WriteCounts(len(pairs), n_created, n_updated, len(pairs) - n_created - n_updated)


def _find(connection: Connection, batch: Sequence[Rating]) -> tuple[list[_Pair], dict[_Pair, _State]]:
    # the pair of each rating, and what is stored of them
    user_ids, item_ids = [rating.user_id for rating in batch], [rating.item_id for rating in batch]
    known_users: list[int | None] = []
    known_items: list[int | None] = []
    stored: dict[_Pair, _State] = {}
    for start in range(0, len(batch), _LOOKED_UP):
        part = slice(start, start + _LOOKED_UP)
        its_users, its_items, timestamps, values = _look_up(connection, user_ids[part], item_ids[part])
        known_users += its_users
        known_items += its_items
        rows = zip(its_users, its_items, timestamps, values, strict=True)
        stored |= {(user, item): (time, value) for user, item, time, value in rows if time is not None}
    user_keys = _complete(connection, users, user_ids, known_users)
    item_keys = _complete(connection, items, item_ids, known_items)
    return list(zip(user_keys, item_keys, strict=True)), stored


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


def _upsert(connection: Connection, rows: list[tuple[int, int, float, int]]) -> None:
    if not rows:
        return
    dialect = connection.dialect.name
    statement = _UPSERT.format(rows=_UPSERT_ROWS[dialect])
    columns = [array_literal(list(column)) for column in zip(*rows, strict=True)] if dialect == "postgresql" else []
    connection.exec_driver_sql(statement, tuple(columns) or rows)
