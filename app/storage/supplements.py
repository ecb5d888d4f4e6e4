"""Which supplements a version has, and what they are made of: new items and the ratings of those who rated them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from app.storage.catalogue import CatalogueRow, to_row
from app.storage.schema import items, model_versions, ratings, supplements
from app.storage.shipping import forget_shipped

_AT_ONCE = 5_000
_COLUMNS = ("user_key", "item_key", "value", "timestamp")


class RatingRows(NamedTuple):
    """Ratings by the store's keys, each array of shape (n_ratings,)."""

    user_keys: NDArray[np.int64]
    item_keys: NDArray[np.int64]
    values: NDArray[np.float64]
    timestamps: NDArray[np.int64]


def latest_supplement(connection: Connection, version: int) -> int:
    """Say which supplement of a version counts.

    Parameters
    ----------
    connection : Connection
        To read from.
    version : int
        The version.

    Returns
    -------
    int
        Its number; 0 for none.
    """
    numbers = select(func.max(supplements.c.number)).where(supplements.c.version == version)
    return int(connection.execute(numbers).scalar_one() or 0)


def add_supplement(connection: Connection, version: int, number: int, *, n_items: int, now: int) -> None:
    """Publish a supplement; another worker that publishes the same number makes this fail.

    Parameters
    ----------
    connection : Connection
        In the transaction that also puts its files in place.
    version, number : int
        Which.
    n_items : int
        How many items it has.
    now : int
        Microseconds.
    """
    row = {"version": version, "number": number, "n_items": n_items, "created_at": now}
    connection.execute(insert(supplements).values(row))


def forget_supplements(connection: Connection, *, created_before: int) -> list[str]:
    """Drop the supplements that no cursor in use can name: those long replaced, and those whose version is gone.

    Parameters
    ----------
    connection : Connection
        In a write transaction.
    created_before : int
        What was replaced later stays; microseconds.

    Returns
    -------
    list of str
        Names whose files may go.
    """
    later = supplements.alias()
    is_replaced = (
        select(later.c.number)
        .where(later.c.version == supplements.c.version, later.c.number > supplements.c.number)
        .where(later.c.created_at < created_before)
        .exists()
    )
    has_version = select(model_versions.c.version).where(model_versions.c.version == supplements.c.version).exists()
    gone = delete(supplements).where(is_replaced | ~has_version)
    rows = connection.execute(gone.returning(supplements.c.version, supplements.c.number))
    names = [supplement_name(row.version, row.number) for row in rows]
    forget_shipped(connection, names)
    return names


def supplement_name(version: int, number: int) -> str:
    """Name a supplement's directory.

    Parameters
    ----------
    version, number : int
        Which.

    Returns
    -------
    str
        Beside the version's directory.
    """
    return f"{version}+{number}"


def all_item_keys(connection: Connection) -> NDArray[np.int64]:
    """Read the key of every item.

    Parameters
    ----------
    connection : Connection
        To read from.

    Returns
    -------
    ndarray of shape (n_items,), int64
        In no order.
    """
    return np.array(connection.execute(select(items.c.item_key)).scalars().all(), np.int64)


def items_of(connection: Connection, item_keys: Sequence[int]) -> list[CatalogueRow]:
    """Read some items.

    Parameters
    ----------
    connection : Connection
        To read from.
    item_keys : sequence of int
        Which.

    Returns
    -------
    list of CatalogueRow
        In the order of the ids' bytes.
    """
    rows = [
        to_row(row)
        for start in range(0, len(item_keys), _AT_ONCE)
        for row in connection.execute(select(items).where(items.c.item_key.in_(item_keys[start : start + _AT_ONCE])))
    ]
    return sorted(rows, key=lambda row: row.item_id.encode())


def ratings_of_items(connection: Connection, item_keys: Sequence[int]) -> RatingRows:
    """Read all ratings of some items; it goes through all ratings.

    Parameters
    ----------
    connection : Connection
        To read from.
    item_keys : sequence of int
        Which.

    Returns
    -------
    RatingRows
        By user, then by item.
    """
    return _read(connection, ratings.c.item_key, item_keys)


def ratings_of_users(connection: Connection, user_keys: Sequence[int]) -> RatingRows:
    """Read all ratings of some users.

    Parameters
    ----------
    connection : Connection
        To read from.
    user_keys : sequence of int
        Whose.

    Returns
    -------
    RatingRows
        By user, then by item.
    """
    return _read(connection, ratings.c.user_key, user_keys)


def _read(connection: Connection, column: ColumnElement[int], keys: Sequence[int]) -> RatingRows:
    columns = select(*(ratings.c[name] for name in _COLUMNS)).where(ratings.c.value.is_not(None))
    rows = [
        row
        for start in range(0, len(keys), _AT_ONCE)
        for row in connection.execute(columns.where(column.in_(keys[start : start + _AT_ONCE])))
    ]
    rows.sort()  # in one order, so that equal ratings give equal bytes
    user_keys, item_keys, values, timestamps = zip(*rows, strict=True) if rows else ((), (), (), ())
    return RatingRows(
        np.array(user_keys, np.int64),
        np.array(item_keys, np.int64),
        np.array(values, np.float64),
        np.array(timestamps, np.int64),
    )
