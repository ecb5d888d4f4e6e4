"""Reading ratings out of a text file, block by block, each row checked by the policy.

Arrow parses and converts whole columns. When a block holds anything that this fast way does not accept, the block is
read a second time row by row, which either finds the first bad row, with its line, or accepts what only looked bad.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from app.services.file_layouts import RatingLayout, parse_number
from app.services.policy import check_id, check_timestamp, check_value, to_microseconds
from app.storage.rating_table import RatingTable
from app.storage.ratings import Rating

BLOCK_BYTES = 1 << 20  # about 40,000 rows of MovieLens
_SHORT = 64  # characters that an id may have whatever they are

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BadRowError(Exception):
    """A row that cannot be accepted.

    Parameters
    ----------
    line : int
        The first line of the file is 1.
    reason : str
        What is wrong with it.
    """

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


class RatingBlock(NamedTuple):
    """Consecutive ratings of a file, and about how many of its bytes they take."""

    table: RatingTable
    n_bytes: int


@dataclass(frozen=True, slots=True)
class RatingRules:
    """What a rating is held to: the scale, and the time of arrival in microseconds."""

    rating_min: float
    rating_max: float
    now: int


def read_ratings(
    file: BinaryIO, layout: RatingLayout, rules: RatingRules, *, encoding: str = "utf-8", block_bytes: int = BLOCK_BYTES
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

    Yields
    ------
    RatingBlock
        Never empty; in the order of the file.

    Raises
    ------
    BadRowError
        At the first row that cannot be accepted; no rating of its block has been yielded.
    """
    invalid: list[Any] = []

    def note(row: Any) -> str:
        invalid.append(row)
        return "skip"

    n_read = layout.n_header_lines  # rows, as Arrow numbers them
    n_breaks = 0  # line ends inside quoted cells, so that line = row + n_breaks
    with _reading(n_read + 1):
        batches = _open(file, layout, encoding, block_bytes, note)
    while (batch := _next_batch(batches, n_read + n_breaks + 1)) is not None:
        block = _Block(batch, layout, rules, n_read + n_breaks + 1)
        n_rows = batch.num_rows
        if invalid and invalid[0].number <= n_read + n_rows + 1:
            n_rows = invalid[0].number - n_read - 1
            block.row_by_row(n_rows)  # a bad value may stand before the bad row
            break
        if len(table := block.table()):
            yield RatingBlock(table, block.n_bytes())
        n_read += n_rows
        n_breaks += block.n_breaks(n_rows)
    if invalid:
        row = invalid[0]
        line = row.number + n_breaks + (block.n_breaks(n_rows) if batch is not None else 0)
        raise BadRowError(line, f"has {row.actual_columns} columns where {row.expected_columns} are expected")


def read_batches(batches: Iterable[Any], layout: RatingLayout, rules: RatingRules) -> Iterator[RatingBlock]:
    """Read ratings from batches of columns that hold what a text file's cells would.

    Parameters
    ----------
    batches : iterable of pyarrow.RecordBatch
        Of binary columns without nulls.
    layout : RatingLayout
        Which columns are which.
    rules : RatingRules
        What the rows are held to.

    Yields
    ------
    RatingBlock
        Never empty.
    """
    line = layout.n_header_lines + 1
    for batch in batches:
        block = _Block(batch, layout, rules, line)
        if len(table := block.table()):
            yield RatingBlock(table, block.n_bytes())
        line += batch.num_rows


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
        reason = "or one of the lines after it, cannot be read; is a quote left open, or a line very long?"
        raise BadRowError(line, reason) from error


class _Block:
    """Consecutive rows of a file, as bytes; ``line`` is that of the first."""

    def __init__(self, batch: Any, layout: RatingLayout, rules: RatingRules, line: int) -> None:
        self.batch, self.layout, self.rules, self.line = batch, layout, rules, line

    def table(self) -> RatingTable:
        try:
            return self.by_columns()
        except (pa.ArrowInvalid, ValueError):
            return RatingTable.of(self.row_by_row(self.batch.num_rows))

    def by_columns(self) -> RatingTable:
        if self.layout.delimiter == ":" and any(pc.max(pc.binary_length(c)).as_py() for c in self._others()):
            raise ValueError("a single colon")
        values = self._numbers(self.layout.value)
        if not ((values >= self.rules.rating_min) & (values <= self.rules.rating_max)).all():
            raise ValueError("off the scale")
        times = np.zeros(len(values), np.int64)
        if self.layout.timestamp is not None:
            seconds = self._numbers(self.layout.timestamp)
            if not ((seconds >= 0) & (seconds * 1e6 <= self.rules.now)).all():
                raise ValueError("before 1970 or in the future")
            times = np.rint(seconds * 1e6).astype(np.int64)
        user_ids, users = self._ids(self.layout.user)
        item_ids, items = self._ids(self.layout.item)
        return RatingTable(user_ids, item_ids, users, items, values, times)

    def row_by_row(self, n_rows: int) -> list[Rating]:
        accepted = []
        columns = [column.to_pylist() for column in self.batch.columns]
        line = self.line
        for cells in zip(*(column[:n_rows] for column in columns), strict=True):
            if any(cells):  # all are empty on a blank line
                try:
                    accepted.append(_check_row(cells, self.layout, self.rules))
                except ValueError as error:
                    raise BadRowError(line, str(error)) from None
            line += 1 + sum(cell.count(b"\n") for cell in cells)
        return accepted

    def n_breaks(self, n_rows: int) -> int:
        return sum(pc.sum(pc.count_substring(column[:n_rows], "\n")).as_py() or 0 for column in self._others())

    def n_bytes(self) -> int:
        # a delimiter or line end after each cell; Arrow reads far ahead, so the file's position tells nothing
        lengths: list[int] = [pc.sum(pc.binary_length(column)).as_py() for column in self.batch.columns]
        return sum(lengths) + int(self.batch.num_rows) * len(lengths)

    def _others(self) -> list[Any]:
        return [self.batch.column(position) for position in self.layout.others]

    def _numbers(self, position: int) -> Any:
        return self.batch.column(position).cast(pa.string()).cast(pa.float64()).to_numpy()

    def _ids(self, position: int) -> tuple[list[str], Any]:
        column = self.batch.column(position).dictionary_encode()
        raw = column.dictionary.to_pylist()
        ids = [cell.decode() for cell in raw]
        if not (all(raw) and "".join(ids).isascii() and "".join(ids).isprintable() and max(map(len, ids)) <= _SHORT):
            ids = [check_id(outside_id) for outside_id in ids]
        return ids, column.indices.to_numpy()


def _check_row(cells: tuple[bytes, ...], layout: RatingLayout, rules: RatingRules) -> Rating:
    if layout.delimiter == ":" and any(cells[position] for position in layout.others):
        raise ValueError("the columns must be separated by ::")
    with _named("user id"):
        user_id = check_id(_decode(cells[layout.user]))
    with _named("item id"):
        item_id = check_id(_decode(cells[layout.item]))
    with _named("value"):
        value = check_value(parse_number(_decode(cells[layout.value])), rules.rating_min, rules.rating_max)
    timestamp = 0
    if layout.timestamp is not None:
        with _named("timestamp"):
            timestamp = check_timestamp(_parse_time(_decode(cells[layout.timestamp])), rules.now)
    return Rating(user_id, item_id, value, timestamp)


@contextmanager
def _named(part: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ValueError(f"the {part} {error}") from error


def _decode(cell: bytes) -> str:
    try:
        return cell.decode()
    except UnicodeDecodeError as error:
        raise ValueError("is not UTF-8; name the file's encoding with --encoding") from error


def _parse_time(text: str) -> int:
    if not text.strip():
        return 0  # a file may leave out some times, as it may leave out all
    with suppress(ValueError):
        return to_microseconds(parse_number(text))
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise ValueError("must be seconds since 1970, or a time such as 2024-05-06T07:08:09Z") from error
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)
