"""Writing, deleting and listing ratings: an upsert in which the newest time wins, so that retries are harmless.

A user's ratings are read for an answer in ``user_ratings``, and all of them for a training in ``training_data``.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import orjson
from sqlalchemy import Connection, delete, func, insert, select, text, update

from app.storage.keys import ensure_keys, key_of
from app.storage.schema import counters, erasures, items, ratings, users

_SHARD = f"ratings-{os.getpid() % 16}"


class Rating(NamedTuple):
    """One rating as it arrives; ``timestamp`` in microseconds, None where the order of arrival decides."""

    user_id: str
    item_id: str
    value: float
    timestamp: int | None


@dataclass(frozen=True, slots=True)
class WriteCounts:
    """What a batch did: ``accepted`` is the sum; ``ignored`` were older than what is stored or is in the same batch."""

    accepted: int
    created: int
    updated: int
    ignored: int


class _Stored(NamedTuple):
    timestamp: int
    value: float | None


_STORED = {
    "sqlite": """
        SELECT r.user_key, r.item_key, r.timestamp, r.value FROM json_each(?) AS pair
        JOIN ratings AS r ON r.user_key = pair.value ->> 0 AND r.item_key = pair.value ->> 1""",
    "postgresql": """
        SELECT user_key, item_key, timestamp, value FROM ratings
        JOIN unnest(%s::bigint[], %s::bigint[]) AS pair (user_key, item_key) USING (user_key, item_key)""",
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
    newest: dict[tuple[str, str], Rating] = {}
    for rating in batch:
        known = newest.get((rating.user_id, rating.item_id))
        if known is None or _time(rating, now) >= _time(known, now):
            newest[rating.user_id, rating.item_id] = rating
    user_keys = ensure_keys(connection, users, {user_id for user_id, _ in newest})
    item_keys = ensure_keys(connection, items, {item_id for _, item_id in newest})
    pairs = {(user_keys[user_id], item_keys[item_id]): rating for (user_id, item_id), rating in newest.items()}
    stored = _stored(connection, list(pairs))
    rows: list[tuple[int, int, float, int]] = []
    n_created = n_updated = 0
    for (user_key, item_key), rating in sorted(
        pairs.items()
    ):  # one order for everybody, so that no two writers deadlock
        before = stored.get((user_key, item_key))
        # An untimed rating is the newest by its arrival, even where another machine's clock is ahead.
        timestamp = rating.timestamp if rating.timestamp is not None else max(now, before.timestamp if before else now)
        if before is not None and timestamp < before.timestamp:
            continue
        n_created += before is None or before.value is None
        n_updated += before is not None and before.value is not None
        if before != (timestamp, rating.value):
            rows.append((user_key, item_key, rating.value, timestamp))
    _upsert(connection, rows)
    count_changes(connection, len(rows))
    return WriteCounts(len(batch), n_created, n_updated, len(batch) - n_created - n_updated)


def _time(rating: Rating, now: int) -> int:
    return now if rating.timestamp is None else rating.timestamp


def _stored(connection: Connection, pairs: list[tuple[int, int]]) -> dict[tuple[int, int], _Stored]:
    dialect = connection.dialect.name
    arguments = (orjson.dumps(pairs).decode(),) if dialect == "sqlite" else tuple(map(list, zip(*pairs, strict=True)))
    found = connection.exec_driver_sql(_STORED[dialect], arguments) if pairs else ()
    return {(user_key, item_key): _Stored(timestamp, value) for user_key, item_key, timestamp, value in found}


def _upsert(connection: Connection, rows: list[tuple[int, int, float, int]]) -> None:
    if not rows:
        return
    dialect = connection.dialect.name
    statement = _UPSERT.format(rows=_UPSERT_ROWS[dialect])
    connection.exec_driver_sql(statement, rows if dialect == "sqlite" else tuple(map(list, zip(*rows, strict=True))))


def count_changes(connection: Connection, n_changes: int) -> None:
    """Add to the number of ratings ever written or deleted.

    Parameters
    ----------
    connection : Connection
        In the transaction that changes them; call this last, since it holds the counter until the commit.
    n_changes : int
        How many rows changed.
    """
    if n_changes:
        counter = update(counters).where(counters.c.name == _SHARD)
        connection.execute(counter.values(value=counters.c.value + n_changes))


def n_rating_changes(connection: Connection) -> int:
    """Say how many ratings were ever written or deleted; it only grows.

    Parameters
    ----------
    connection : Connection
        To read from.

    Returns
    -------
    int
        Compare two of them to learn whether anything changed in between.
    """
    total = select(func.sum(counters.c.value)).where(counters.c.name.startswith("ratings-"))
    return int(connection.execute(total).scalar_one())


def delete_rating(connection: Connection, user_id: str, item_id: str, *, now: int) -> bool:
    """Delete one rating, leaving a tombstone with its time.

    Parameters
    ----------
    connection : Connection
        In a write transaction.
    user_id, item_id : str
        Whose rating of what.
    now : int
        The time of the deletion in microseconds.

    Returns
    -------
    bool
        Whether there was one.
    """
    user_key, item_key = key_of(connection, users, user_id), key_of(connection, items, item_id)
    if user_key is None or item_key is None:
        return False
    rating = (ratings.c.user_key == user_key) & (ratings.c.item_key == item_key) & ratings.c.value.is_not(None)
    stored = connection.execute(select(ratings.c.timestamp).where(rating)).scalar_one_or_none()
    if stored is None:
        return False
    n_deleted = connection.execute(
        update(ratings).where(rating).values(value=None, timestamp=max(now, stored))
    ).rowcount
    count_changes(connection, n_deleted)
    return n_deleted > 0


@dataclass(frozen=True, slots=True)
class Erasure:
    """The receipt of an erased user; ``erased_at`` in microseconds."""

    id: int
    erased_at: int
    n_ratings: int
    without_version: int | None


def erase_user(connection: Connection, user_id: str, *, now: int) -> Erasure | None:
    """Delete a user and every rating of theirs, tombstones too.

    Parameters
    ----------
    connection : Connection
        In a write transaction.
    user_id : str
        Who.
    now : int
        The time in microseconds.

    Returns
    -------
    Erasure or None
        The receipt; None when there is no such user.
    """
    erased = delete(users).where(users.c.user_id == user_id).returning(users.c.user_key)
    user_key = connection.execute(erased).scalar_one_or_none()  # waits for writers that hold the user's row
    if user_key is None:
        return None
    tombstones = select(func.count()).where(ratings.c.user_key == user_key, ratings.c.value.is_(None))
    n_tombstones = connection.execute(tombstones).scalar_one()
    n_rows = connection.execute(delete(ratings).where(ratings.c.user_key == user_key)).rowcount
    n_ratings = n_rows - n_tombstones
    receipt = insert(erasures).values(erased_at=now, n_ratings=n_ratings).returning(erasures.c.id)
    erasure_id = connection.execute(receipt).scalar_one()
    count_changes(connection, max(n_rows, 1))
    return Erasure(erasure_id, now, n_ratings, None)


def find_erasure(connection: Connection, erasure_id: int) -> Erasure | None:
    """Look up an erasure's receipt.

    Parameters
    ----------
    connection : Connection
        To read from.
    erasure_id : int
        From the receipt.

    Returns
    -------
    Erasure or None
        None when there is none.
    """
    row = connection.execute(select(erasures).where(erasures.c.id == erasure_id)).one_or_none()
    return Erasure(row.id, row.erased_at, row.n_ratings, row.without_version) if row else None


def list_user_ratings(connection: Connection, user_id: str, *, after: str, limit: int) -> list[Rating]:
    """Read a user's ratings in the order of their item ids.

    Parameters
    ----------
    connection : Connection
        To read from.
    user_id : str
        Whose.
    after : str
        Only items with a greater id; the empty string for all.
    limit : int
        How many at most.

    Returns
    -------
    list of Rating
        With timestamps.
    """
    listing = (
        select(items.c.item_id, ratings.c.value, ratings.c.timestamp)
        .join_from(users, ratings, users.c.user_key == ratings.c.user_key)
        .join(items, items.c.item_key == ratings.c.item_key)
        .where(users.c.user_id == user_id, items.c.item_id > after, ratings.c.value.is_not(None))
        .order_by(items.c.item_id)
        .limit(limit)
    )
    return [Rating(user_id, row.item_id, row.value, row.timestamp) for row in connection.execute(listing)]


def rating_extent(connection: Connection) -> tuple[float, float] | None:
    """Find the lowest and the highest stored rating, reading all of them.

    Parameters
    ----------
    connection : Connection
        To read from.

    Returns
    -------
    (float, float) or None
        None when nothing is stored.
    """
    low, high = connection.execute(text("SELECT min(value), max(value) FROM ratings")).one()
    return None if low is None else (low, high)
