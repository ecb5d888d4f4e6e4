"""Parquet files as what a CSV file would hold, so that one reader judges both."""

import csv
import io
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

_PARQUET = b"PAR1"


def is_parquet(file: BinaryIO) -> bool:
    """Tell Parquet from text, and go back to the beginning.

    Parameters
    ----------
    file : binary file
        At its beginning.

    Returns
    -------
    bool
        By its first bytes.
    """
    head = file.read(len(_PARQUET))
    file.seek(0)
    return head == _PARQUET


def parquet_batches(file: BinaryIO, batch_rows: int) -> tuple[list[str], int, Iterator[Any]]:
    """Open a Parquet file and turn its cells into what would stand in a CSV file, so that one reader judges both.

    Parameters
    ----------
    file : binary file
        Which can be sought in.
    batch_rows : int
        Rows a batch, at most.

    Returns
    -------
    names : list of str
        Of the columns.
    n_rows : int
        In the whole file.
    batches : iterator of pyarrow.RecordBatch
        Of binary columns without nulls; a list of texts has its parts joined by ``|``.

    Raises
    ------
    ValueError
        If it is cut off or damaged.
    """
    try:
        source = parquet.ParquetFile(file)
    except pa.ArrowInvalid as error:
        raise ValueError(f"the Parquet file is cut off or damaged: {error}") from error
    return source.schema_arrow.names, source.metadata.num_rows, map(_as_text, source.iter_batches(max(batch_rows, 1)))


def header_of(names: list[str]) -> str:
    """Write the names of columns as a CSV file's first line.

    Parameters
    ----------
    names : list of str
        Any.

    Returns
    -------
    str
        Without its end.
    """
    header = io.StringIO()
    csv.writer(header).writerow(names)
    return header.getvalue().rstrip()


def _as_text(batch: Any) -> Any:
    # as it would stand in a CSV file, so that one reader judges both
    return pa.record_batch([_column_as_text(column) for column in batch.columns], names=batch.schema.names)


def _column_as_text(column: Any) -> Any:
    if pa.types.is_nested(column.type):
        column = _joined(column)
    if pa.types.is_timestamp(column.type):
        # nanoseconds are cut off: nothing is told apart by them
        microseconds = column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(pa.int64())
        column = pc.divide(microseconds.cast(pa.float64()), 1e6)
    if not pa.types.is_binary(column.type):
        column = column.cast(pa.string())
    return pc.fill_null(column.cast(pa.binary()), b"")


def _joined(column: Any) -> Any:
    inner = getattr(column.type, "value_type", None)
    if pa.types.is_map(column.type) or inner is None or pa.types.is_nested(inner) or pa.types.is_floating(inner):
        return pa.nulls(len(column), pa.string())  # such a column is none of ours
    parts = pc.fill_null(column.flatten().cast(pa.string()), "")
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pc.binary_join(pa.ListArray.from_arrays(offsets, parts), "|")
