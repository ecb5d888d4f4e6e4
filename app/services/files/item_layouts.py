"""What a file of items looks like, told by its first line."""

import re
from dataclasses import dataclass, replace

from app.services.files.file_layouts import ITEM_NAMES, FileFormat, cells_of, delimiter_of, find_column, is_json

_TITLE_NAMES = ("title", "name", "itemtitle", "itemname")
_CATEGORY_NAMES = ("genres", "genre", "categories", "category", "tags")


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
    delimiter = delimiter_of(first_line, file_format)
    cells = cells_of(first_line, delimiter)
    item = find_column(cells, None, (*ITEM_NAMES, "id"))
    title, categories = find_column(cells, None, _TITLE_NAMES), find_column(cells, None, _CATEGORY_NAMES)
    if item is None or (title is None and categories is None):
        raise ValueError("a file of items begins with a header such as movieId,title,genres")
    return ItemLayout(delimiter, len(cells), item, title, categories)
