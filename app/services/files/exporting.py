"""Ratings out into a file that ``foldin import`` reads: CSV or Parquet, in one consistent state."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv, parquet

from app.errors import InvalidInputError
from app.storage.engine import Store
from app.storage.keys import read_ids
from app.storage.schema import items, users
from app.storage.training_data import TrainingData, load_training_data

_ROWS = 200_000
_SCHEMA = pa.schema([
    ("user_id", pa.string()),
    ("item_id", pa.string()),
    ("value", pa.float64()),
    ("timestamp", pa.string()),
])


def export_ratings(store: Store, target: Path, on_rows: Callable[[int, int], None]) -> int:
    """Write every rating, by user.

    Parameters
    ----------
    store : Store
        Where they are.
    target : Path
        Ends in ``.csv`` or ``.parquet``; it appears when it is complete.
    on_rows : callable
        Told how many rows of how many are written.

    Returns
    -------
    int
        How many ratings.

    Raises
    ------
    InvalidInputError
        If the file exists, cannot be written, or has another ending.
    """
    if target.suffix not in {".csv", ".parquet"}:
        raise InvalidInputError(f"{target} must end in .csv or .parquet")
    if target.exists():
        raise InvalidInputError(f"{target} exists already; an export does not overwrite anything")
    with store.read() as connection:
        data = load_training_data(connection)
        user_ids, item_ids = read_ids(connection, users), read_ids(connection, items)
    unfinished = target.with_name(f".unfinished-{target.name}")
    writer = csv.CSVWriter if target.suffix == ".csv" else parquet.ParquetWriter
    try:
        with writer(unfinished, _SCHEMA) as out:
            for n_rows, batch in _batches(data, user_ids, item_ids):
                out.write_table(batch) if target.suffix == ".parquet" else out.write(batch)
                on_rows(n_rows, len(data.values))
        unfinished.rename(target)
    except OSError as error:
        raise InvalidInputError(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return len(data.values)


def _batches(data: TrainingData, user_ids: dict[int, str], item_ids: dict[int, str]) -> Iterator[tuple[int, Any]]:
    order = np.lexsort((data.item_keys, data.user_keys))
    for start in range(0, len(order), _ROWS):
        rows = order[start : start + _ROWS]
        columns = [
            [user_ids[key] for key in data.user_keys[rows].tolist()],
            [item_ids[key] for key in data.item_keys[rows].tolist()],
            data.values[rows],
            _seconds(data.timestamps[rows]),
        ]
        yield start + len(rows), pa.table(columns, schema=_SCHEMA)


def _seconds(microseconds: NDArray[np.int64]) -> list[str]:
    # decimal, since a number of seconds with six digits after the point does not fit a float for ever
    split = (divmod(time, 1_000_000) for time in microseconds.tolist())
    return [f"{seconds}.{rest:06}".rstrip("0") if rest else str(seconds) for seconds, rest in split]
