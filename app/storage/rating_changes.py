"""Counting the changes of ratings, and noting which ratings they were for a training that loads no others.

A training that has kept its ratings (see ``kept_ratings``) asks for notes: until so many changes later, each
transaction notes the pairs of user and item that it wrote. Whoever wrote, and however writers overtook each other, the
count says whether the notes are complete: as many changes must be noted as were counted.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sqlalchemy import Column, ColumnElement, Connection, delete, func, insert, select, text, update

from app.storage.schema import counters, erasures, rating_changes

KEPT, NOTED_UNTIL = "kept-ratings", "rating-changes-noted-until"
"""Counters: the name of the ratings that the last training kept, 0 for none; up to which count changes are noted."""

_SHARD = f"ratings-{os.getpid() % 16}"
_ITEM_BITS = 32
_LARGEST = 1 << 31
# PostgreSQL's inner query sees the state before the update and SQLite's the one after it, so it leaves this row out
_COUNT = text(
    f"""UPDATE counters SET value = value + :n_changes WHERE name = :shard RETURNING
        value + (SELECT sum(value) FROM counters WHERE name LIKE 'ratings-%' AND name <> :shard)
        <= (SELECT value FROM counters WHERE name = '{NOTED_UNTIL}')"""  # noqa: S608 - a name of ours
)


def note_changes(connection: Connection, n_changes: int, user_keys: ArrayLike, item_keys: ArrayLike) -> None:
    """Add to the number of ratings ever written or deleted, and note which they were where that is asked for.

    Parameters
    ----------
    connection : Connection
        In the transaction that changes them; call this last, since it holds the counter until the commit.
    n_changes : int
        How many rows changed.
    user_keys, item_keys : array_like of shape (n_pairs,), int
        At least the pairs that changed; others do no harm.
    """
    if n_changes and _count(connection, n_changes):
        pairs = packed(np.asarray(user_keys, np.int64), np.asarray(item_keys, np.int64))
        if pairs is not None:
            connection.execute(insert(rating_changes).values(n_changes=n_changes, pairs=pairs.tobytes()))


def count_erasure(connection: Connection, n_changes: int) -> None:
    """Count the changes of an erasure, forget all notes, and have no kept ratings used any more.

    Parameters
    ----------
    connection : Connection
        In the transaction of the erasure.
    n_changes : int
        How many rows changed.
    """
    _count(connection, n_changes)
    for name in (KEPT, NOTED_UNTIL):  # in the order of `ask_for_notes`, so that they do not deadlock
        _set(connection, name, 0)
    connection.execute(delete(rating_changes))


def _count(connection: Connection, n_changes: int) -> bool:
    # whether they are to be noted
    return bool(connection.execute(_COUNT, {"n_changes": n_changes, "shard": _SHARD}).scalar_one())


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


def packed(user_keys: NDArray[np.int64], item_keys: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Put pairs of keys into one number each, in whose order the pairs are.

    Parameters
    ----------
    user_keys, item_keys : ndarray of shape (n_pairs,), int64
        Of a store.

    Returns
    -------
    ndarray of shape (n_pairs,), int64, or None
        None where a store has given away two billion keys, and they do not fit.
    """
    if max(user_keys.max(initial=0), item_keys.max(initial=0)) >= _LARGEST:
        return None
    pairs: NDArray[np.int64] = (user_keys << _ITEM_BITS) | item_keys
    return pairs


def unpacked(pairs: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Take pairs of keys apart.

    Parameters
    ----------
    pairs : ndarray of shape (n_pairs,), int64
        From ``packed``.

    Returns
    -------
    user_keys, item_keys : ndarray of shape (n_pairs,), int64
        Of a store.
    """
    return pairs >> _ITEM_BITS, pairs & ((1 << _ITEM_BITS) - 1)


@dataclass(frozen=True, slots=True)
class Moment:
    """How far the changes of ratings had come in one state of the store.

    Attributes
    ----------
    n_changes : int
        All that were ever made.
    kept : int
        The name of the ratings that the last training kept; 0 for none.
    n_noted : int
        Changes that the notes tell of.
    last_note, last_erasure : int
        The number of the latest; 0 for none.
    """

    n_changes: int
    kept: int
    n_noted: int
    last_note: int
    last_erasure: int


def read_moment(connection: Connection) -> Moment:
    """Say how far the changes have come.

    Parameters
    ----------
    connection : Connection
        To read from.

    Returns
    -------
    Moment
        In the state that the connection shows.
    """
    notes = select(func.coalesce(func.sum(rating_changes.c.n_changes), 0), _largest(rating_changes.c.number))
    n_noted, last_note = connection.execute(notes).one()
    return Moment(
        n_changes=n_rating_changes(connection),
        kept=kept_name(connection),
        n_noted=int(n_noted),
        last_note=last_note,
        last_erasure=_last_erasure(connection),
    )


def read_changed_pairs(connection: Connection) -> NDArray[np.int64]:
    """Read which ratings the notes tell of.

    Parameters
    ----------
    connection : Connection
        To read from.

    Returns
    -------
    ndarray of shape (n_pairs,), int64
        Packed, ascending, each once.
    """
    parts: Sequence[bytes] = connection.execute(select(rating_changes.c.pairs)).scalars().all()
    return np.unique(np.frombuffer(b"".join(map(bytes, parts)), np.int64))


def ask_for_notes(connection: Connection, moment: Moment, *, kept: int, n_wanted: int) -> bool:
    """Have changes noted that are made after a moment, and forget the notes that it has seen.

    Parameters
    ----------
    connection : Connection
        In a write transaction.
    moment : Moment
        Of the ratings that are kept.
    kept : int
        Their name.
    n_wanted : int
        How many changes to note.

    Returns
    -------
    bool
        Not if a user was erased since: then these ratings must not be kept.
    """
    _set(connection, KEPT, kept)  # first, so that it waits for an erasure under way
    if _last_erasure(connection) != moment.last_erasure:
        _set(connection, KEPT, 0)
        return False
    _set(connection, NOTED_UNTIL, moment.n_changes + n_wanted)
    # on PostgreSQL another's note may be older and not committed yet; without it the next training loads everything
    connection.execute(delete(rating_changes).where(rating_changes.c.number <= moment.last_note))
    return True


def kept_name(connection: Connection) -> int:
    """Say which kept ratings the store's notes belong to.

    Parameters
    ----------
    connection : Connection
        To read from.

    Returns
    -------
    int
        0 for none.
    """
    return int(connection.execute(select(counters.c.value).where(counters.c.name == KEPT)).scalar_one())


def _set(connection: Connection, name: str, value: int) -> None:
    connection.execute(update(counters).where(counters.c.name == name).values(value=value))


def _last_erasure(connection: Connection) -> int:
    return int(connection.execute(select(_largest(erasures.c.id))).scalar_one())


def _largest(numbers: Column[int]) -> ColumnElement[int]:
    return func.coalesce(func.max(numbers), 0)
