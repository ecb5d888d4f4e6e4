"""Reading every rating for a training, as arrays of integers, in one consistent state of the store."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select, text

from app.storage.engine import SQLITE_BUSY_SECONDS, connect_sqlite
from app.storage.postgresql_columns import read_postgresql
from app.storage.ratings import n_rating_changes
from app.storage.schema import erasures
from app.storage.sqlite_columns import RatingColumns, scanning


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
        Opened by ``Store.read`` and not used yet. It shows the same state from then on.

    Returns
    -------
    TrainingData
        What the store held at one moment, however much is written meanwhile.
    """
    opened = _postgresql if connection.dialect.name == "postgresql" else _sqlite
    with opened(connection) as read:
        pending = list(connection.execute(select(erasures.c.id).where(erasures.c.without_version.is_(None))).scalars())
        n_changes = n_rating_changes(connection)
        user_keys, item_keys, values, timestamps = read()
    return TrainingData(user_keys, item_keys, values, timestamps, n_changes, pending)


@contextmanager
def _postgresql(connection: Connection) -> Iterator[Callable[[], RatingColumns]]:
    connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    yield lambda: read_postgresql(connection)


@contextmanager
def _sqlite(connection: Connection) -> Iterator[Callable[[], RatingColumns]]:
    path = str(connection.engine.url.database)
    writer: Any = connect_sqlite(path)
    try:
        writer.execute("BEGIN IMMEDIATE")  # nobody else writes while both readers begin, so they show one state
        with scanning(path, SQLITE_BUSY_SECONDS) as scan:
            n_rating_changes(connection)
            writer.execute("ROLLBACK")
            yield scan.read
    finally:
        writer.close()
