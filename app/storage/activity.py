"""What was rated lately, and what was added last."""

import math

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Double, cast, func, literal, select

from app.storage.catalogue import CatalogueRow, to_row
from app.storage.schema import items, ratings

_HALF_LIVES = 40  # after which a rating weighs less than a millionth of a millionth


def recent_ratings(connection: Connection, half_life: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Count ratings by item, each the less the older it is; it reads all ratings.

    Parameters
    ----------
    connection : Connection
        To read from.
    half_life : int
        Microseconds after which a rating counts half; ages are measured from the newest rating.

    Returns
    -------
    item_keys : ndarray of shape (n_items,), int64
        Items that were rated at all lately.
    weights : ndarray of shape (n_items,), float64
        Σ 2^(−age / half_life).
    """
    newest = connection.execute(select(func.max(ratings.c.timestamp)).where(ratings.c.value.is_not(None))).scalar()
    if newest is None:
        return np.empty(0, np.int64), np.empty(0)
    weight = func.sum(func.exp(cast(ratings.c.timestamp - newest, Double) * literal(math.log(2) / half_life, Double)))
    lately = (ratings.c.timestamp >= newest - _HALF_LIVES * half_life) & ratings.c.value.is_not(None)
    rows = connection.execute(select(ratings.c.item_key, weight).where(lately).group_by(ratings.c.item_key)).all()
    return np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], np.float64)


def latest_items(connection: Connection, *, before: int | None, limit: int) -> list[CatalogueRow]:
    """Read the items that were added last.

    Parameters
    ----------
    connection : Connection
        To read from.
    before : int or None
        Only items with a smaller key.
    limit : int
        How many at most.

    Returns
    -------
    list of CatalogueRow
        The newest first.
    """
    listing = select(items).where(~items.c.hidden).order_by(items.c.item_key.desc()).limit(limit)
    if before is not None:
        listing = listing.where(items.c.item_key < before)
    return [to_row(row) for row in connection.execute(listing)]
