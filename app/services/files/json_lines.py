"""Ratings and items as NDJSON: an object a line, with the API's names of fields, or those of CSV files."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, BinaryIO

import orjson
import pyarrow as pa

from app.services.files.bad_rows import BadRow, OnBadRow, refuse
from app.services.files.cut_lines import bounded_lines
from app.services.files.file_layouts import ColumnNames, RatingLayout, rating_layout
from app.services.files.item_layouts import ItemLayout, item_layout
from app.services.files.parquet_files import header_of
from app.services.files.rating_blocks import Block, RatingRules, check_row
from app.services.files.rating_files import BLOCK_BYTES, RatingBlock
from app.storage.rating_table import RatingTable
from app.storage.ratings import Rating

_CELLS = RatingLayout(",", 4, 0, 1, 2, 3, 0)


def read_json_ratings(
    file: BinaryIO,
    rules: RatingRules,
    names: ColumnNames,
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
    rules : RatingRules
        What the rows are held to.
    names : ColumnNames
        Fields that the caller names.
    encoding : str
        Of the text.
    block_bytes : int
        About how much is yielded at a time.
    n_passed : int
        Lines at the beginning that are of no interest.
    on_bad_row : callable, optional
        Told of every line that cannot be accepted; without it the first one is an error.

    Yields
    ------
    RatingBlock
        In the order of the file.

    Raises
    ------
    BadRowError
        At the first line that cannot be accepted; no rating of its block has been yielded.
    """
    lines: list[str] = []
    n_bytes, first = 0, n_passed + 1
    for line, text in enumerate(bounded_lines(file, encoding), start=1):
        if line <= n_passed:
            continue
        lines.append(text)
        n_bytes += len(text)
        if n_bytes >= block_bytes:
            yield RatingBlock(_table(lines, first, names, rules, on_bad_row), n_bytes, len(lines))
            lines, n_bytes, first = [], 0, line + 1
    if lines:
        yield RatingBlock(_table(lines, first, names, rules, on_bad_row), n_bytes, len(lines))


def _table(
    lines: Sequence[str], first: int, names: ColumnNames, rules: RatingRules, on_bad_row: OnBadRow | None
) -> RatingTable:
    try:  # all at once, which says nothing about what it does not accept
        rows = [_rating_cells(_object(text), names) for text in lines]
        columns = [pa.array(cells, pa.binary()) for cells in zip(*rows, strict=True)]
        return Block(pa.record_batch(columns, names=list("uivt")), _CELLS, rules, first, {}).by_columns()
    except ValueError:
        pass
    accepted: list[Rating] = []
    for line, text in enumerate(lines, first):
        if text.strip():
            try:
                accepted.append(check_row(_rating_cells(_object(text), names), _CELLS, rules))
            except ValueError as error:
                refuse(_bad(line, error, text), on_bad_row)
    return RatingTable.of(accepted)


def json_item_rows(lines: Iterable[str], on_bad_row: OnBadRow | None) -> Iterator[tuple[int, list[str]]]:
    """Read lines of items.

    Parameters
    ----------
    lines : iterable of str
        Of the whole file.
    on_bad_row : callable or None
        Told of every line that is no object; without it the first one is an error.

    Yields
    ------
    int
        The line.
    list of str
        The item's id, its title, and its categories with ``|`` between them; nothing on a blank line.

    Raises
    ------
    BadRowError
        At the first line that is no object, or does not name an item and something about it.
    """
    for line, text in enumerate(lines, start=1):
        if not text.strip():
            yield line, []
            continue
        try:
            cells = _item_cells(_object(text))
        except ValueError as error:
            refuse(_bad(line, error, text), on_bad_row)
        else:
            yield line, cells


def _bad(line: int, error: ValueError, text: str) -> BadRow:
    return BadRow(line, str(error), text.strip().encode(errors="surrogateescape").decode(errors="replace"))


def _object(text: str) -> dict[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError("is no JSON object")  # noqa: TRY004 - it is the file that is wrong
    return found


@lru_cache(maxsize=64)
def _rating_fields(fields: tuple[str, ...], names: ColumnNames) -> RatingLayout:
    return rating_layout(header_of(list(fields)), "csv", names)


@lru_cache(maxsize=64)
def _item_fields(fields: tuple[str, ...]) -> ItemLayout:
    return item_layout(header_of(list(fields)), "csv")


def _rating_cells(found: dict[str, Any], names: ColumnNames) -> list[bytes]:
    fields, given = _rating_fields(tuple(found), names), list(found.values())
    time = None if fields.timestamp is None else given[fields.timestamp]
    return [
        _id(given[fields.user], "user").encode(),
        _id(given[fields.item], "item").encode(),
        _number(given[fields.value], "value").encode(),
        (time if isinstance(time, str) else "0" if time is None else _number(time, "timestamp")).encode(),
    ]


def _item_cells(found: dict[str, Any]) -> list[str]:
    fields, given = _item_fields(tuple(found)), list(found.values())
    title = "" if fields.title is None else given[fields.title] or ""
    categories = [] if fields.categories is None else given[fields.categories] or []
    if isinstance(categories, list) and all(isinstance(category, str) for category in categories):
        categories = "|".join(categories)
    if not isinstance(title, str) or not isinstance(categories, str):
        raise ValueError("the title must be a string, and the categories a list of strings")  # noqa: TRY004 - it is the file that is wrong
    return [_id(given[fields.item], "item"), title, categories]


def _id(given: object, part: str) -> str:
    if isinstance(given, str):
        return given
    if type(given) is int:
        return str(given)
    raise ValueError(f"the {part} id must be a string or a whole number")


def _number(given: object, part: str) -> str:
    if type(given) not in {int, float}:
        raise ValueError(f"the {part} must be a number")
    return repr(given)
