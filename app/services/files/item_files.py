"""Reading items out of a text file: ids, titles and categories, each row checked by the policy."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, BinaryIO

from app.services.files.bad_rows import BadRow, BadRowError, OnBadRow, refuse
from app.services.files.cut_lines import bounded_lines
from app.services.files.file_layouts import FileFormat
from app.services.files.item_layouts import ItemLayout, item_layout
from app.services.files.json_lines import json_item_rows
from app.services.policy import check_id, check_label
from app.storage.catalogue import Item

# The flags of MovieLens 100K in their order; the first stands for "unknown".
_FLAGS = (
    *("", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy"),
    *("Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"),
)
_NO_CATEGORIES = "(no genres listed)"

_BYTE = re.compile("[\udc80-\udcff]")  # of text that is no UTF-8
_ParseItem = Callable[[Sequence[str]], Item]


def read_items(
    file: BinaryIO,
    file_format: FileFormat,
    first_line: str,
    *,
    encoding: str | None = None,
    on_bad_row: OnBadRow | None = None,
) -> Iterator[Item]:
    """Read a file of items.

    Parameters
    ----------
    file : binary file
        At its beginning.
    file_format : FileFormat
        ``csv`` and ``tsv`` with a header, ``ndjson``, MovieLens' ``dat`` or ``u.item``.
    first_line : str
        Of the file.
    encoding : str, optional
        Of the text; by default UTF-8, and for MovieLens' own layouts Latin-1.
    on_bad_row : callable, optional
        Told of every row that cannot be accepted; without it the first one is an error.

    Yields
    ------
    Item
        In the order of the file.

    Raises
    ------
    BadRowError
        At the first row that cannot be accepted.
    ValueError
        If the columns of a CSV or TSV file cannot be recognized.
    """
    is_movielens = file_format in {"dat", "u.item"}
    lines = bounded_lines(file, encoding or ("latin-1" if is_movielens else "utf-8-sig"))
    rows: Iterator[tuple[int, list[str]]]
    parse: _ParseItem
    if file_format == "dat":
        rows = _split_lines(lines, "::")
        n_columns, parse = 3, _parse_plain
    elif file_format == "u.item":
        rows = _split_lines(lines, "|")
        n_columns, parse = 24, _parse_flags
    elif file_format == "ndjson":
        rows = json_item_rows(lines, on_bad_row)
        n_columns, parse = 3, _parse_columns(0, 1, 2)
    else:
        layout = item_layout(first_line, file_format)
        rows = _csv_rows(lines, layout.delimiter, on_bad_row)
        n_columns, parse = layout.n_columns, _parse_columns(layout.item, layout.title, layout.categories)
    yield from _accepted(rows, n_columns, parse, on_bad_row)


def read_item_batches(
    batches: Iterable[Any], layout: ItemLayout, *, on_bad_row: OnBadRow | None = None
) -> Iterator[Item]:
    """Read items from batches of columns that hold what a CSV file's cells would.

    Parameters
    ----------
    batches : iterable of pyarrow.RecordBatch
        Of binary columns without nulls.
    layout : ItemLayout
        Which columns are which.
    on_bad_row : callable, optional
        As in ``read_items``.

    Yields
    ------
    Item
        In the order of the batches.

    Raises
    ------
    BadRowError
        At the first row that cannot be accepted.
    """
    cells = (row for batch in batches for row in zip(*(column.to_pylist() for column in batch.columns), strict=True))
    rows = ((line, [cell.decode(errors="surrogateescape") for cell in row]) for line, row in enumerate(cells, start=2))
    parse = _parse_columns(layout.item, layout.title, layout.categories)
    yield from _accepted(rows, layout.n_columns, parse, on_bad_row)


def _accepted(
    rows: Iterable[tuple[int, list[str]]], n_columns: int, parse: _ParseItem, on_bad_row: OnBadRow | None
) -> Iterator[Item]:
    for line, cells in rows:
        if cells:
            try:
                yield _checked(line, cells, n_columns, parse)
            except BadRowError as error:
                text = ",".join(cells).encode(errors="surrogateescape").decode(errors="replace")
                refuse(BadRow(error.line, error.reason, text), on_bad_row)


def _split_lines(lines: Iterable[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    for line, row in enumerate(lines, start=1):
        content = row.rstrip("\r\n")
        yield line, content.split(delimiter) if content else []


def _csv_rows(lines: Iterable[str], delimiter: str, on_bad_row: OnBadRow | None) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    line = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:  # it goes on with the line after the one that it could not read
            refuse(BadRow(line, f"cannot be read: {error}", ""), on_bad_row)
        else:
            if cells is None:
                return
            if line > 1:  # the first is the header
                yield line, cells
        line = reader.line_num + 1


def _checked(line: int, cells: Sequence[str], n_columns: int, parse: _ParseItem) -> Item:
    if len(cells) != n_columns:
        raise BadRowError(line, f"has {len(cells)} columns where {n_columns} are expected")
    item = parse(cells)
    part = "item id"
    try:
        check_id(item.item_id)
        part = "title"
        if item.title is not None:
            check_label(item.title)
        part = "category"
        for category in item.categories:
            check_label(category)
    except ValueError as error:
        if any(_BYTE.search(cell) for cell in cells):
            raise BadRowError(line, "is not UTF-8; name the file's encoding with --encoding") from error
        raise BadRowError(line, f"the {part} {error}") from error
    return item


def _parse_plain(cells: Sequence[str]) -> Item:
    return _item(cells[0], cells[1], cells[2].split("|"))


def _parse_flags(cells: Sequence[str]) -> Item:
    return _item(cells[0], cells[1], [name for name, flag in zip(_FLAGS, cells[5:], strict=True) if flag == "1"])


def _parse_columns(item: int, title: int | None, categories: int | None) -> _ParseItem:
    def parse(cells: Sequence[str]) -> Item:
        names = [] if categories is None else cells[categories].split("|")
        return _item(cells[item], "" if title is None else cells[title], names)

    return parse


def _item(item_id: str, title: str, categories: Sequence[str]) -> Item:
    names = dict.fromkeys(name.strip() for name in categories)  # each once, in order
    return Item(item_id, title.strip() or None, [name for name in names if name not in {"", _NO_CATEGORIES}])
