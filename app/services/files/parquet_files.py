"""Parquet files as what a CSV file would hold, so that one reader judges both."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

_PARQUET = b"PAR1"
_PER_SECOND = {"ms": 1e3, "us": 1e6}  # Parquet has no others, but "ns"


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


class ParquetRows:
    """A Parquet file whose cells are turned into what would stand in a CSV file, so that one reader judges both.

    Parameters
    ----------
    file : binary file
        Which can be sought in.

    Attributes
    ----------
    names : list of str
        Of the columns.
    n_rows : int
        In the whole file.

    Raises
    ------
    ValueError
        If it is cut off or damaged.
    """

    def __init__(self, file: BinaryIO) -> None:
        try:
            self._source = parquet.ParquetFile(file)
        except pa.ArrowInvalid as error:
            raise ValueError(f"the Parquet file is cut off or damaged: {error}") from error
        self.names: list[str] = self._source.schema_arrow.names
        self.n_rows: int = self._source.metadata.num_rows

    def batches(self, batch_rows: int, positions: Sequence[int]) -> Iterator[Any]:
        """Read the columns that matter; others, which may be of any type and size, are not looked at.

        Parameters
        ----------
        batch_rows : int
            Rows a batch, at most.
        positions : sequence of int
            Of the columns.

        Yields
        ------
        pyarrow.RecordBatch
            These columns in this order, binary and without nulls; a list of texts has its parts joined by ``|``.
        """
        names = [self.names[position] for position in positions]
        for batch in self._source.iter_batches(max(batch_rows, 1), columns=names):
            yield pa.record_batch([_column_as_text(batch.column(name)) for name in names], names=names)


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


def _column_as_text(column: Any) -> Any:
    if pa.types.is_nested(column.type):
        column = _joined(column)
    if pa.types.is_timestamp(column.type):
        column = _seconds(column)
    if not _is_bytes(column.type):
        column = column.cast(pa.string())
    return pc.fill_null(column.cast(pa.binary()), b"")


def _is_bytes(kind: Any) -> bool:
    return any(is_it(kind) for is_it in (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view))


def _seconds(times: Any) -> Any:
    unit = times.type.unit
    if unit == "ns":  # cut off: nothing is told apart by nanoseconds
        times, unit = times.cast(pa.timestamp("us", times.type.tz), safe=False), "us"
    # Only times that nobody may give are too large to be exact, and they are to be refused row by row.
    return pc.divide(times.cast(pa.int64()).cast(pa.float64(), safe=False), _PER_SECOND[unit])


def _joined(column: Any) -> Any:
    inner = getattr(column.type, "value_type", None)
    if pa.types.is_map(column.type) or inner is None or pa.types.is_nested(inner) or pa.types.is_floating(inner):
        return pa.nulls(len(column), pa.string())  # such a column is none of ours
    parts = pc.fill_null(column.flatten().cast(pa.string()), "")
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pc.binary_join(pa.ListArray.from_arrays(offsets, parts), "|")
