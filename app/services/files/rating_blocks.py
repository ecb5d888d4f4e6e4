"""A block of a file's rows, judged by the policy: whole columns at once, or row by row where anything looks bad.

The fast way says nothing about what it does not accept: the block is then gone through a second time, which either
finds the bad rows, with their lines, or accepts what only looked bad. A test holds the two to each other.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.services.files.bad_rows import BadRow, OnBadRow, refuse
from app.services.files.file_layouts import RatingLayout, parse_number
from app.services.policy import check_id, check_timestamp, check_value, is_plain, to_microseconds
from app.storage.rating_table import RatingTable
from app.storage.ratings import Rating

_SHORT = 64  # characters that an id may have whatever they are
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RatingRules:
    """What a rating is held to: the scale, and the time of arrival in microseconds."""

    rating_min: float
    rating_max: float
    now: int


def wrong_columns(row: Any) -> str:
    """Say what is wrong with a row that Arrow left out.

    Parameters
    ----------
    row : pyarrow.csv.InvalidRow
        With the numbers of its columns.

    Returns
    -------
    str
        The reason.
    """
    return f"has {row.actual_columns} columns where {row.expected_columns} are expected"


class Block:
    """Consecutive rows of a file, as bytes; ``line`` is that of the first, ``gaps`` are rows that Arrow left out."""

    def __init__(self, batch: Any, layout: RatingLayout, rules: RatingRules, line: int, gaps: dict[int, Any]) -> None:
        self.batch, self.layout, self.rules, self.line, self.gaps = batch, layout, rules, line, gaps
        self._breakable: list[Any] = batch.columns  # whose cells may hold line ends

    def table(self, on_bad_row: OnBadRow | None) -> RatingTable:
        """Accept what can be accepted.

        Parameters
        ----------
        on_bad_row : callable or None
            Told of every bad row; None to stop at the first.

        Returns
        -------
        RatingTable
            Empty where all rows are blank or bad.
        """
        try:
            if not self.gaps:
                accepted = self.by_columns()
                self._breakable = self._others()  # ids and numbers that are accepted hold none
                return accepted
        except (pa.ArrowInvalid, ValueError):
            pass
        return RatingTable.of(self.row_by_row(on_bad_row))

    def by_columns(self) -> RatingTable:
        """Accept all rows at once, none of them left out.

        Returns
        -------
        RatingTable
            All rows.

        Raises
        ------
        ValueError
            If any row may be bad.
        """
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

    def row_by_row(self, on_bad_row: OnBadRow | None) -> list[Rating]:
        """Accept one row after the other.

        Parameters
        ----------
        on_bad_row : callable or None
            As in ``table``.

        Returns
        -------
        list of Rating
            The good ones.
        """
        accepted: list[Rating] = []
        columns = [column.to_pylist() for column in self.batch.columns]
        line = self.line
        for number, cells in enumerate(self._with_gaps(zip(*columns, strict=True))):
            if cells is None:
                row = self.gaps[number]
                refuse(BadRow(line, wrong_columns(row), row.text or ""), on_bad_row)
            elif any(cells):  # all are empty on a blank line
                try:
                    accepted.append(check_row(cells, self.layout, self.rules))
                except ValueError as error:
                    text = b",".join(cells).decode(errors="replace")
                    refuse(BadRow(line, str(error), text), on_bad_row)
            line += 1 + (n_breaks_of(self.gaps[number]) if cells is None else sum(cell.count(b"\n") for cell in cells))
        return accepted

    def _with_gaps(self, rows: Iterable[Sequence[bytes]]) -> Iterator[Sequence[bytes] | None]:
        number = 0
        for cells in rows:
            while number in self.gaps:
                yield None
                number += 1
            yield cells
            number += 1
        yield from [None] * (len(self.gaps) + self.batch.num_rows - number)

    def n_breaks(self) -> int:
        """Count line ends inside quotes.

        Returns
        -------
        int
            By so much more lines than rows.
        """
        inside = sum(pc.sum(pc.count_substring(column, "\n")).as_py() or 0 for column in self._breakable)
        return inside + sum(map(n_breaks_of, self.gaps.values()))

    def n_bytes(self) -> int:
        """Tell how much of the file it is.

        Returns
        -------
        int
            About so many bytes.
        """
        # a delimiter or line end after each cell; Arrow reads far ahead, so the file's position tells nothing
        lengths: list[int] = [pc.sum(pc.binary_length(column)).as_py() or 0 for column in self.batch.columns]
        return sum(lengths) + int(self.batch.num_rows) * len(lengths)

    def _others(self) -> list[Any]:
        return [self.batch.column(position) for position in self.layout.others]

    def _numbers(self, position: int) -> Any:
        return self.batch.column(position).cast(pa.string()).cast(pa.float64()).to_numpy()

    def _ids(self, position: int) -> tuple[list[str], Any]:
        column = self.batch.column(position).dictionary_encode()
        raw = column.dictionary.to_pylist()
        ids = [cell.decode() for cell in raw]
        if not (all(raw) and is_plain("".join(ids)) and max(map(len, ids)) <= _SHORT):
            ids = [check_id(outside_id) for outside_id in ids]
        return ids, column.indices.to_numpy()


def check_row(cells: Sequence[bytes], layout: RatingLayout, rules: RatingRules) -> Rating:
    """Accept one row.

    Parameters
    ----------
    cells : sequence of bytes
        Of all columns.
    layout : RatingLayout
        Which are which.
    rules : RatingRules
        What it is held to.

    Returns
    -------
    Rating
        As it is stored.

    Raises
    ------
    ValueError
        Saying what is wrong with it.
    """
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


def n_breaks_of(row: Any) -> int:
    """Count the line ends inside a row that Arrow left out.

    Parameters
    ----------
    row : pyarrow.csv.InvalidRow
        With its text, where it is not too long.

    Returns
    -------
    int
        By so much more lines than one.
    """
    return (row.text or "").count("\n")


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
