"""Reading every rating for a training, as arrays of integers, in one consistent state of the store."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select, text

from app.storage.ratings import n_rating_changes
from app.storage.schema import erasures

_ALL_RATINGS = "SELECT user_key, item_key, value, timestamp FROM ratings WHERE value IS NOT NULL"
_CHUNK = 100_000


@dataclass(frozen=True, slots=True)
class TrainingData:
    """All ratings, each array of shape (n_ratings,).

    Attributes
    ----------
    user_keys, item_keys : int64
        Who rated what.
    values : float64
        On the rating scale.
    timestamps : int64
        Microseconds.
    n_changes : int
        The number of changes ever made to ratings in this state of the store.
    pending_erasures : list of int
        Erasures that no version is free of yet; a version trained on these ratings is.
    """

    user_keys: NDArray[np.int64]
    item_keys: NDArray[np.int64]
    values: NDArray[np.float64]
    timestamps: NDArray[np.int64]
    n_changes: int
    pending_erasures: list[int]


def load_training_data(connection: Connection) -> TrainingData:
    """Read every rating.

    Parameters
    ----------
    connection : Connection
        Opened by ``Store.read`` and not used yet.

    Returns
    -------
    TrainingData
        What the store held at one moment, however much is written meanwhile.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    pending = list(connection.execute(select(erasures.c.id).where(erasures.c.without_version.is_(None))).scalars())
    n_changes = n_rating_changes(connection)
    chunks = _read_chunks(connection)
    columns = [np.concatenate(parts) for parts in zip(*chunks, strict=True)] if chunks else [np.empty(0)] * 4
    keys, item_keys, values, timestamps = columns
    return TrainingData(
        keys.astype(np.int64, copy=False),
        item_keys.astype(np.int64, copy=False),
        values.astype(np.float64, copy=False),
        timestamps.astype(np.int64, copy=False),
        n_changes,
        pending,
    )


def _read_chunks(connection: Connection) -> list[tuple[NDArray[Any], ...]]:
    raw: Any = connection.connection.dbapi_connection
    # PostgreSQL sends a named cursor's rows as they are asked for, instead of all of them at once.
    cursor = raw.cursor("all_ratings", binary=True) if connection.dialect.name == "postgresql" else raw.cursor()
    try:
        cursor.execute(_ALL_RATINGS)
        chunks: list[tuple[NDArray[Any], ...]] = []
        while rows := cursor.fetchmany(_CHUNK):
            users, items, values, times = zip(*rows, strict=True)
            chunks.append((np.array(users), np.array(items), np.array(values), np.array(times)))
        return chunks
    finally:
        cursor.close()
