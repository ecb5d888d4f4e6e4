"""Deleting, erasing and listing ratings.

They are written in ``upserts``, a user's are read for an answer in ``user_ratings``, all for a training in
``training_data``.
"""

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, case, delete, func, insert, select, text, update

from app.storage.keys import key_of, own_keys
from app.storage.rating_changes import count_erasure, note_changes
from app.storage.schema import erasures, items, ratings, users


class Rating(NamedTuple):
    """One rating as it arrives; ``timestamp`` in microseconds, None where the order of arrival decides."""

    user_id: str
    item_id: str
    value: float
    timestamp: int | None


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
    newest = case((ratings.c.timestamp > now, ratings.c.timestamp), else_=now)
    n_deleted = connection.execute(update(ratings).where(rating).values(value=None, timestamp=newest)).rowcount
    note_changes(connection, n_deleted, [user_key], [item_key])
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
    own_keys(connection)
    erased = delete(users).where(users.c.user_id == user_id).returning(users.c.user_key)
    user_key = connection.execute(erased).scalar_one_or_none()
    if user_key is None:
        return None
    tombstones = select(func.count()).where(ratings.c.user_key == user_key, ratings.c.value.is_(None))
    n_tombstones = connection.execute(tombstones).scalar_one()
    n_rows = connection.execute(delete(ratings).where(ratings.c.user_key == user_key)).rowcount
    n_ratings = n_rows - n_tombstones
    receipt = insert(erasures).values(erased_at=now, n_ratings=n_ratings).returning(erasures.c.id)
    erasure_id = connection.execute(receipt).scalar_one()
    count_erasure(connection, max(n_rows, 1))
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
