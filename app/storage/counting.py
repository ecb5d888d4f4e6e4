"""How much the store holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, func, select

from app.storage.rating_changes import n_rating_changes
from app.storage.schema import items, ratings, users


@dataclass(frozen=True, slots=True)
class StoreCounts:
    """Numbers of rows; deleted ratings are not counted."""

    n_ratings: int
    n_users: int
    n_items: int


def count_rows(connection: Connection) -> StoreCounts:
    """Count ratings, users and items, reading all of them.

    Parameters
    ----------
    connection : Connection
        To read from.

    Returns
    -------
    StoreCounts
        As they are now.
    """
    return StoreCounts(*_counted(connection, ratings.c.value, users.c.user_key, items.c.item_key))


def most_rows(connection: Connection) -> StoreCounts:
    """Say how much the store holds at most, without reading the ratings.

    Parameters
    ----------
    connection : Connection
        To read from.

    Returns
    -------
    StoreCounts
        With as many ratings as were ever written or deleted.
    """
    return StoreCounts(n_rating_changes(connection), *_counted(connection, users.c.user_key, items.c.item_key))


def has_ratings(connection: Connection) -> bool:
    """Say whether anything has been rated.

    Parameters
    ----------
    connection : Connection
        To read from.

    Returns
    -------
    bool
        Without counting.
    """
    return connection.execute(select(ratings.c.value).where(ratings.c.value.is_not(None)).limit(1)).first() is not None


def _counted(connection: Connection, *columns: Column[Any]) -> Sequence[int]:
    # how many values each has, in one statement and so of one state
    return connection.execute(select(*(select(func.count(column)).scalar_subquery() for column in columns))).one()
