"""What a file of ratings or items looks like, told by its first line: delimiter, header, which column means what."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

FileFormat = Literal["csv", "tsv", "dat", "u.data", "u.item", "ndjson"]

# A header is compared without case and punctuation: userId, user_id and "User ID" are one name.
_USER_NAMES = ("userid", "user", "uid", "customerid", "customer", "visitorid", "visitor", "reviewerid", "accountid")
_ITEM_NAMES = ("itemid", "item", "iid", "movieid", "movie", "productid", "product", "bookid", "songid", "trackid")
_VALUE_NAMES = ("rating", "value", "score", "stars", "ratingvalue", "overall")
_TIMESTAMP_NAMES = ("timestamp", "time", "ts", "ratedat", "createdat", "datetime", "date", "unixreviewtime")
_TITLE_NAMES = ("title", "name", "itemtitle", "itemname")
_CATEGORY_NAMES = ("genres", "genre", "categories", "category", "tags")

_SHOWN, _LONGEST_SHOWN = 8, 200  # names of columns in a message, and its characters
_NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """How a person names the columns of ratings; None where they are to be recognized."""

    user: str | None = None
    item: str | None = None
    value: str | None = None
    timestamp: str | None = None


@dataclass(frozen=True, slots=True)
class FileOptions:
    """What a person says of the files; what is None is recognized.

    Attributes
    ----------
    file_format : FileFormat or None
        How they are laid out.
    columns : ColumnNames
        Names of columns.
    encoding : str or None
        By default UTF-8, and Latin-1 for MovieLens' own layouts of items.
    """

    file_format: FileFormat | None = None
    columns: ColumnNames = field(default_factory=ColumnNames)
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class RatingLayout:
    """Where a rating's parts stand in a line.

    Attributes
    ----------
    delimiter : str
        One character; ``::`` is read as two delimiters with an empty column between them.
    n_columns : int
        How many columns every line has.
    user, item, value : int
        Positions of the columns.
    timestamp : int or None
        None in a file without times.
    n_header_lines : int
        0 or 1.
    """

    delimiter: str
    n_columns: int
    user: int
    item: int
    value: int
    timestamp: int | None
    n_header_lines: int

    @property
    def others(self) -> list[int]:
        """The columns that are not read."""
        return sorted(set(range(self.n_columns)) - set(self.used))

    @property
    def used(self) -> list[int]:
        """The columns that are read: user, item, value, and the time where there is one."""
        return [self.user, self.item, self.value, *([] if self.timestamp is None else [self.timestamp])]

    def without_others(self) -> "RatingLayout":
        """Lay out the columns that are read, in the order of ``used``.

        Returns
        -------
        RatingLayout
            Without any other column.
        """
        timestamp = None if self.timestamp is None else 3
        return replace(self, n_columns=len(self.used), user=0, item=1, value=2, timestamp=timestamp)


@dataclass(frozen=True, slots=True)
class ItemLayout:
    """Where an item's parts stand in a line of a delimited file with a header."""

    delimiter: str
    n_columns: int
    item: int
    title: int | None
    categories: int | None

    @property
    def used(self) -> list[int]:
        """The columns that are read."""
        return [position for position in (self.item, self.title, self.categories) if position is not None]

    def without_others(self) -> "ItemLayout":
        """Lay out the columns that are read, in the order of ``used``.

        Returns
        -------
        ItemLayout
            Without any other column.
        """
        n_columns = len(self.used)
        title = None if self.title is None else 1
        return replace(
            self,
            n_columns=n_columns,
            item=0,
            title=title,
            categories=None if self.categories is None else n_columns - 1,
        )


def parse_number(text: str) -> float:
    """Read a decimal number as files write it.

    Parameters
    ----------
    text : str
        Digits with an optional sign, fraction and exponent.

    Returns
    -------
    float
        The number.

    Raises
    ------
    ValueError
        If it is anything else: ``nan``, ``inf``, ``1_000``, an empty cell.
    """
    if not _NUMBER.fullmatch(text):
        raise ValueError("must be a number")
    return float(text)


def rating_layout(first_line: str, file_format: FileFormat | None, names: ColumnNames) -> RatingLayout:
    """Find out how a file of ratings is laid out.

    Parameters
    ----------
    first_line : str
        Without its end.
    file_format : FileFormat or None
        None to recognize it.
    names : ColumnNames
        Columns that the caller names.

    Returns
    -------
    RatingLayout
        Where everything stands.

    Raises
    ------
    ValueError
        If a column cannot be found.
    """
    if file_format == "u.item":
        raise ValueError("u.item holds items; give --items")
    if file_format == "dat" or (file_format is None and "::" in first_line):
        return _unnamed(":", len(first_line.split("::")), step=2)
    delimiter = _delimiter(first_line, file_format)
    cells = _cells(first_line, delimiter)
    if file_format == "u.data" or (names == ColumnNames() and _looks_like_data(cells)):
        return _unnamed(delimiter, len(cells), step=1)
    given = [name for name in (names.user, names.item, names.value, names.timestamp) if name is not None]
    if twice := next((name for name in given if given.count(name) > 1), None):
        raise ValueError(f"the column {twice} is named for two parts of a rating; name one for each")
    timestamp = _find(cells, names.timestamp, _TIMESTAMP_NAMES, given)
    return RatingLayout(
        delimiter,
        len(cells),
        _require(cells, names.user, _USER_NAMES, "user", given),
        _require(cells, names.item, _ITEM_NAMES, "item", given),
        _require(cells, names.value, _VALUE_NAMES, "value", given),
        timestamp,
        n_header_lines=1,
    )


def is_json(first_line: str) -> bool:
    """Tell NDJSON from other text.

    Parameters
    ----------
    first_line : str
        Of the file.

    Returns
    -------
    bool
        Whether it begins as an object does.
    """
    return first_line.lstrip().startswith("{")


def item_format(first_line: str) -> FileFormat:
    """Recognize the format of a file of items.

    Parameters
    ----------
    first_line : str
        Without its end.

    Returns
    -------
    FileFormat
        ``ndjson``, ``u.item``, ``dat``, ``tsv`` or ``csv``.
    """
    if is_json(first_line):
        return "ndjson"
    if re.search(r"(\|[01]){19}$", first_line):
        return "u.item"
    if first_line.count("::") >= 2:
        return "dat"
    return "tsv" if "\t" in first_line else "csv"


def item_layout(first_line: str, file_format: FileFormat) -> ItemLayout:
    """Find out where the columns of a CSV or TSV file of items are.

    Parameters
    ----------
    first_line : str
        Its header.
    file_format : FileFormat
        ``csv`` or ``tsv``.

    Returns
    -------
    ItemLayout
        Where everything stands.

    Raises
    ------
    ValueError
        If no column names the item, or none says anything about it.
    """
    delimiter = _delimiter(first_line, file_format)
    cells = _cells(first_line, delimiter)
    item = _find(cells, None, (*_ITEM_NAMES, "id"))
    title, categories = _find(cells, None, _TITLE_NAMES), _find(cells, None, _CATEGORY_NAMES)
    if item is None or (title is None and categories is None):
        raise ValueError("a file of items begins with a header such as movieId,title,genres")
    return ItemLayout(delimiter, len(cells), item, title, categories)


def _unnamed(delimiter: str, n_cells: int, *, step: int) -> RatingLayout:
    if n_cells not in {3, 4}:
        raise ValueError(f"expected user, item, value and perhaps a timestamp, found {n_cells} columns")
    timestamp = 3 * step if n_cells == 4 else None
    return RatingLayout(delimiter, (n_cells - 1) * step + 1, 0, step, 2 * step, timestamp, n_header_lines=0)


def _delimiter(first_line: str, file_format: FileFormat | None) -> str:
    if file_format in {"tsv", "u.data"}:
        return "\t"
    return max(",\t;|", key=first_line.count)  # of none at all, the comma


def _cells(first_line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([first_line], delimiter=delimiter), [])
    except csv.Error:
        raise ValueError("the first line cannot be taken apart; does it hold a lone carriage return?") from None


def _looks_like_data(cells: Sequence[str]) -> bool:
    return len(cells) in {3, 4} and all(_NUMBER.fullmatch(cell) for cell in cells[2:])


def _find(cells: Sequence[str], given: str | None, recognized: Sequence[str], taken: Sequence[str] = ()) -> int | None:
    # a column that is taken, by its name for another part, is not recognized as this one
    if given is not None:
        if given not in cells:
            raise ValueError(f"there is no column {given}; the header has {', '.join(cells)}")
        return _only(cells, given, cells)
    plain = ["" if cell in taken else "".join(filter(str.isalnum, cell.casefold())) for cell in cells]
    return next((_only(plain, name, cells) for name in recognized if name in plain), None)


def _only(names: Sequence[str], name: str, cells: Sequence[str]) -> int:
    alike = [cell for cell, its_name in zip(cells, names, strict=True) if its_name == name]
    if len(alike) > 1:
        raise ValueError(f"the columns {' and '.join(alike)} mean the same: rename one, or choose by name")
    return names.index(name)


def _require(
    cells: Sequence[str], given: str | None, recognized: Sequence[str], part: str, taken: Sequence[str]
) -> int:
    position = _find(cells, given, recognized, taken)
    if position is None:
        found = ", ".join(cells[:_SHOWN]) + ", …" * (len(cells) > _SHOWN)
        raise ValueError(
            f"no column is recognized as the {part}; name it with --{part}-column, or give --items where these are "
            f"items. The first line names {found[:_LONGEST_SHOWN]}"
        )
    return position
