"""Reading every rating for a training, as arrays of integers, in one consistent state of the store."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select, text

from app.storage.engine import SQLITE_BUSY_SECONDS, connect_sqlite
from app.storage.kept_ratings import load_kept
from app.storage.postgresql_columns import read_postgresql
from app.storage.rating_changes import Moment, read_moment
from app.storage.schema import erasures
from app.storage.sqlite_columns import RatingColumns, scanning

_ONE_STATE = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")


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
    moment : Moment or None
        Which state of the store it is; None for data of another origin.
    """

    user_keys: NDArray[np.int64]
    item_keys: NDArray[np.int64]
    values: NDArray[np.float64]
    timestamps: NDArray[np.int64]
    n_changes: int
    pending_erasures: list[int]
    moment: Moment | None = None


def load_training_data(connection: Connection, kept_folder: Path | None = None) -> TrainingData:
    """Read every rating.

    Parameters
    ----------
    connection : Connection
        Opened by ``Store.read`` and not used yet. It shows the same state from then on.
    kept_folder : Path, optional
        Where the last training may have kept its ratings, so that only those that changed are read.

    Returns
    -------
    TrainingData
        What the store held at one moment, however much is written meanwhile.
    """
    if kept_folder is not None:
        if (data := _load_changed(connection, kept_folder)) is not None:
            return data
        connection.rollback()
    opened = _postgresql if connection.dialect.name == "postgresql" else _sqlite
    with opened(connection) as read:
        return _data(connection, read(), read_moment(connection))


def _load_changed(connection: Connection, kept_folder: Path) -> TrainingData | None:
    if connection.dialect.name == "postgresql":
        connection.execute(_ONE_STATE)
    moment = read_moment(connection)
    columns = load_kept(connection, kept_folder, moment)
    return None if columns is None else _data(connection, columns, moment)


def _data(connection: Connection, columns: RatingColumns, moment: Moment) -> TrainingData:
    pending = list(connection.execute(select(erasures.c.id).where(erasures.c.without_version.is_(None))).scalars())
    return TrainingData(*columns, moment.n_changes, pending, moment)


@contextmanager
def _postgresql(connection: Connection) -> Iterator[Callable[[], RatingColumns]]:
    connection.execute(_ONE_STATE)
    yield lambda: read_postgresql(connection)


@contextmanager
def _sqlite(connection: Connection) -> Iterator[Callable[[], RatingColumns]]:
    path = str(connection.engine.url.database)
    writer: Any = connect_sqlite(path)
    try:
        writer.execute("BEGIN IMMEDIATE")  # nobody else writes while both readers begin, so they show one state
        with scanning(path, SQLITE_BUSY_SECONDS) as scan:
            read_moment(connection)
            writer.execute("ROLLBACK")
            yield scan.read
    finally:
        writer.close()
