"""What a file of ratings looks like, told by its first line: delimiter, header, which column means what."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

FileFormat = Literal["csv", "tsv", "dat", "u.data", "u.item", "ndjson"]

# A header is compared without case and punctuation: userId, user_id and "User ID" are one name.
_USER_NAMES = ("userid", "user", "uid", "customerid", "customer", "visitorid", "visitor", "reviewerid", "accountid")
ITEM_NAMES = ("itemid", "item", "iid", "movieid", "movie", "productid", "product", "bookid", "songid", "trackid")
_VALUE_NAMES = ("rating", "value", "score", "stars", "ratingvalue", "overall")
_TIMESTAMP_NAMES = ("timestamp", "time", "ts", "ratedat", "createdat", "datetime", "date", "unixreviewtime")

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
    delimiter = delimiter_of(first_line, file_format)
    cells = cells_of(first_line, delimiter)
    if file_format == "u.data" or (names == ColumnNames() and _looks_like_data(cells)):
        return _unnamed(delimiter, len(cells), step=1)
    given = [name for name in (names.user, names.item, names.value, names.timestamp) if name is not None]
    if twice := next((name for name in given if given.count(name) > 1), None):
        raise ValueError(f"the column {twice} is named for two parts of a rating; name one for each")
    timestamp = find_column(cells, names.timestamp, _TIMESTAMP_NAMES, given)
    return RatingLayout(
        delimiter,
        len(cells),
        _require(cells, names.user, _USER_NAMES, "user", given),
        _require(cells, names.item, ITEM_NAMES, "item", given),
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


def _unnamed(delimiter: str, n_cells: int, *, step: int) -> RatingLayout:
    if n_cells not in {3, 4}:
        raise ValueError(f"expected user, item, value and perhaps a timestamp, found {n_cells} columns")
    timestamp = 3 * step if n_cells == 4 else None
    return RatingLayout(delimiter, (n_cells - 1) * step + 1, 0, step, 2 * step, timestamp, n_header_lines=0)


def delimiter_of(first_line: str, file_format: FileFormat | None) -> str:
    """Tell what stands between the columns.

    Parameters
    ----------
    first_line : str
        Without its end.
    file_format : FileFormat or None
        If it is known.

    Returns
    -------
    str
        One character.
    """
    if file_format in {"tsv", "u.data"}:
        return "\t"
    return max(",\t;|", key=first_line.count)  # of none at all, the comma


def cells_of(first_line: str, delimiter: str) -> list[str]:
    """Take a first line apart.

    Parameters
    ----------
    first_line : str
        Without its end.
    delimiter : str
        Between its columns.

    Returns
    -------
    list of str
        Its cells.

    Raises
    ------
    ValueError
        If that cannot be done.
    """
    try:
        return next(csv.reader([first_line], delimiter=delimiter), [])
    except csv.Error:
        raise ValueError("the first line cannot be taken apart; does it hold a lone carriage return?") from None


def _looks_like_data(cells: Sequence[str]) -> bool:
    return len(cells) in {3, 4} and all(_NUMBER.fullmatch(cell) for cell in cells[2:])


def find_column(
    cells: Sequence[str], given: str | None, recognized: Sequence[str], taken: Sequence[str] = ()
) -> int | None:
    """Find the column of a part.

    Parameters
    ----------
    cells : sequence of str
        Of the header.
    given : str or None
        The column's name as a person gave it.
    recognized : sequence of str
        Names that it may have otherwise, without case and punctuation, the likeliest first.
    taken : sequence of str
        Columns that are another part by their name.

    Returns
    -------
    int or None
        Its position; None where there is none.

    Raises
    ------
    ValueError
        If the given one is not there, or two have the same name.
    """
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
    position = find_column(cells, given, recognized, taken)
    if position is None:
        found = ", ".join(cells[:_SHOWN]) + ", …" * (len(cells) > _SHOWN)
        raise ValueError(
            f"no column is recognized as the {part}; name it with --{part}-column, or give --items where these are "
            f"items. The first line names {found[:_LONGEST_SHOWN]}"
        )
    return position
