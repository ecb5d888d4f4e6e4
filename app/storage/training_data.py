"""Reading every rating for a training, as arrays of integers, in one consistent state of the store."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select, text

from app.storage.rating_columns import read_postgresql, read_sqlite
from app.storage.ratings import n_rating_changes
from app.storage.schema import erasures


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
    read = read_postgresql if connection.dialect.name == "postgresql" else read_sqlite
    user_keys, item_keys, values, timestamps = read(connection)
    return TrainingData(user_keys, item_keys, values, timestamps, n_changes, pending)
