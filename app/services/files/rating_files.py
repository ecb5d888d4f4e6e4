"""Reading ratings out of a text file, block by block; Arrow parses it."""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
from pyarrow import csv

from app.services.files.bad_rows import BadRow, BadRowError, OnBadRow, refuse
from app.services.files.cut_lines import cut_lines
from app.services.files.file_layouts import RatingLayout
from app.services.files.rating_blocks import Block, RatingRules, n_breaks_of, wrong_columns
from app.storage.rating_table import RatingTable

BLOCK_BYTES = 1 << 20  # about 40,000 rows of MovieLens


class RatingBlock(NamedTuple):
    """Consecutive ratings of a file, about how many of its bytes they take, and how many rows with the bad ones."""

    table: RatingTable
    n_bytes: int
    n_lines: int


def read_ratings(
    file: BinaryIO,
    layout: RatingLayout,
    rules: RatingRules,
    *,
    encoding: str = "utf-8",
    block_bytes: int = BLOCK_BYTES,
    n_passed: int = 0,
    on_bad_row: OnBadRow | None = None,
) -> Iterator[RatingBlock]:
    """Read a file of ratings.

    Parameters
    ----------
    file : binary file
        At its beginning.
    layout : RatingLayout
        Where the columns are.
    rules : RatingRules
        What the rows are held to.
    encoding : str
        Of the text.
    block_bytes : int
        How much is read, and yielded, at a time.
    n_passed : int
        Rows at the beginning that are of no interest; blocks of nothing else are not yielded.
    on_bad_row : callable, optional
        Told of every row that cannot be accepted, before its block is yielded; without it the first one is an error.

    Yields
    ------
    RatingBlock
        In the order of the file.

    Raises
    ------
    BadRowError
        At the first row that cannot be accepted; no rating of its block has been yielded.
    """
    invalid: deque[Any] = deque()

    def note(row: Any) -> str:
        invalid.append(row)
        return "skip"

    n_read = layout.n_header_lines  # rows, as Arrow numbers them
    n_breaks = 0  # line ends inside quotes, so that line = row + n_breaks
    with _reading(n_read + 1):
        batches = _open_unless_empty(cut_lines(file, encoding), layout, encoding, block_bytes, note)
    if batches is None:
        return
    while (batch := _next_batch(batches, n_read + n_breaks + 1)) is not None:
        n_rows = batch.num_rows
        gaps = _gaps(invalid, n_read, n_rows)
        block = Block(batch, layout, rules, n_read + n_breaks + 1, gaps)
        n_read += n_rows + len(gaps)
        if n_read - layout.n_header_lines > n_passed:
            table = block.table(on_bad_row)
            yield RatingBlock(table, block.n_bytes(), n_rows + len(gaps))
        n_breaks += block.n_breaks()
    for row in invalid:
        refuse(BadRow(row.number + n_breaks, wrong_columns(row), row.text or ""), on_bad_row)
        n_breaks += n_breaks_of(row)


def _gaps(invalid: deque[Any], n_read: int, n_rows: int) -> dict[int, Any]:
    # by its position among the block's rows, each row that Arrow left out of the block or right behind it
    gaps: dict[int, Any] = {}
    while invalid and invalid[0].number <= n_read + n_rows + len(gaps) + 1:
        row = invalid.popleft()
        gaps[row.number - n_read - 1] = row
    return gaps


def read_batches(
    batches: Iterable[Any],
    layout: RatingLayout,
    rules: RatingRules,
    *,
    n_passed: int = 0,
    on_bad_row: OnBadRow | None = None,
) -> Iterator[RatingBlock]:
    """Read ratings from batches of columns that hold what a text file's cells would.

    Parameters
    ----------
    batches : iterable of pyarrow.RecordBatch
        Of binary columns without nulls.
    layout : RatingLayout
        Which columns are which.
    rules : RatingRules
        What the rows are held to.
    n_passed : int
        As in ``read_ratings``.
    on_bad_row : callable, optional
        As in ``read_ratings``.

    Yields
    ------
    RatingBlock
        In the order of the batches.
    """
    line = layout.n_header_lines + 1
    for batch in batches:
        block = Block(batch, layout, rules, line, {})
        line += batch.num_rows
        if line - layout.n_header_lines - 1 > n_passed:
            table = block.table(on_bad_row)
            yield RatingBlock(table, block.n_bytes(), batch.num_rows)


def _open_unless_empty(file: BinaryIO, layout: RatingLayout, encoding: str, block_bytes: int, note: Any) -> Any | None:
    try:
        return _open(file, layout, encoding, block_bytes, note)
    except pa.ArrowInvalid as error:
        if "Could not skip" not in str(error):  # a header without a line end is all there is
            raise
    return None


def _open(file: BinaryIO, layout: RatingLayout, encoding: str, block_bytes: int, note: Any) -> Any:
    names = [str(position) for position in range(layout.n_columns)]
    return csv.open_csv(
        file,
        csv.ReadOptions(
            use_threads=False,
            block_size=block_bytes,
            column_names=names,
            skip_rows=layout.n_header_lines,
            encoding=encoding,
        ),
        csv.ParseOptions(
            delimiter=layout.delimiter,
            quote_char=False if layout.delimiter == ":" else '"',
            newlines_in_values=True,
            ignore_empty_lines=False,
            invalid_row_handler=note,
        ),
        csv.ConvertOptions(column_types=dict.fromkeys(names, pa.binary()), strings_can_be_null=False, check_utf8=False),
    )


def _next_batch(batches: Any, line: int) -> Any:
    with _reading(line), suppress(StopIteration):
        return batches.read_next_batch()
    return None


@contextmanager
def _reading(line: int) -> Iterator[None]:
    try:
        yield
    except UnicodeError as error:
        raise BadRowError(line, f"or one of the lines after it, is not in the encoding: {error}") from error
    except pa.ArrowInvalid as error:
        reason = "or one of the lines after it, cannot be read; is a quote left open"
        raise BadRowError(line, reason) from error
