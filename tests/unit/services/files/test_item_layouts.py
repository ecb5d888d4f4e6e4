"""A file of items is told by its first line, too."""

import pytest

from app.services.files.item_layouts import item_format, item_layout


@pytest.mark.parametrize(
    ("first_line", "expected"),
    [
        ("movieId,title,genres", "csv"),
        ("id\ttitle", "tsv"),
        ("1::A Film (1999)::Drama|War", "dat"),
        ("1|A Film (1999)|01-Jan-1999||http://example.org" + "|0" * 18 + "|1", "u.item"),
    ],
)
def test_the_format_of_items_is_recognized(first_line: str, expected: str) -> None:
    assert item_format(first_line) == expected


def test_a_file_of_items_needs_a_header() -> None:
    with pytest.raises(ValueError, match="movieId,title,genres"):
        item_layout("1,A Film,Drama", "csv")
