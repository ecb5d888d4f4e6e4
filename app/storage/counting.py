"""How much the store holds."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

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
    numbers = (
        select(func.count(column)).scalar_subquery() for column in (ratings.c.value, users.c.user_key, items.c.item_key)
    )
    return StoreCounts(*connection.execute(select(*numbers)).one())


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
    numbers = (select(func.count(column)).scalar_subquery() for column in (users.c.user_key, items.c.item_key))
    return StoreCounts(n_rating_changes(connection), *connection.execute(select(*numbers)).one())


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
