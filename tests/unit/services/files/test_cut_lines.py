"""Lines without an end in sight: cut in bounded memory, refused as a row, and the rows after them read."""

import io
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.files.bad_rows import BadRow
from app.services.files.cut_lines import LONGEST_LINE, cut_lines
from app.services.files.file_layouts import ColumnNames, rating_layout
from app.services.files.item_files import read_items
from app.services.files.rating_blocks import RatingRules
from app.services.files.rating_files import read_ratings
from app.storage.catalogue import Item
from app.storage.ratings import Rating

LONG = 3 * LONGEST_LINE
_lengths = st.lists(st.sampled_from([0, 1, 99, LONGEST_LINE - 1, LONGEST_LINE, LONGEST_LINE + 1, LONG]), max_size=6)


@given(_lengths, st.sampled_from([999, LONGEST_LINE - 1, LONGEST_LINE, LONGEST_LINE + 1, 1 << 20]), st.booleans())
def test_whatever_is_read_at_a_time_the_same_is_cut(lengths: list[int], size: int, is_ended: bool) -> None:
    end = b"\n" * is_ended
    content = b"\n".join(b"x" * length for length in lengths) + end
    expected = (
        b"\n".join(b"x" * min(length, LONGEST_LINE) + b"\0" * (length >= LONGEST_LINE) for length in lengths) + end
    )
    file = cut_lines(io.BytesIO(content), "utf-8")
    assert b"".join(iter(partial(file.read, size), b"")) == expected


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_lines_that_end_in_more_than_a_byte_are_left_alone(encoding: str) -> None:
    file = io.BytesIO(("x" * LONG).encode(encoding))
    assert cut_lines(file, encoding) is file


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "shift_jis"])
def test_lines_that_end_in_a_byte_are_cut(encoding: str) -> None:
    assert len(cut_lines(io.BytesIO(b"x" * LONG), encoding).read(LONG)) == LONGEST_LINE + 1


@pytest.mark.parametrize(
    "line", [b"\0" * LONG, b"u" * LONG + b",i,1", b"a," + b"i" * LONG + b",1", b"a,b,1" + b"0" * LONG]
)
def test_a_long_line_is_a_bad_row_and_those_after_it_are_read(line: bytes) -> None:
    content = b"user,item,rating\na,b,1\n" + line + b"\na,c,2\n"
    bad: list[BadRow] = []
    layout = rating_layout("user,item,rating", None, ColumnNames())
    blocks = read_ratings(io.BytesIO(content), layout, RatingRules(0.5, 5.0, 0), on_bad_row=bad.append)
    rows = [rating for block in blocks for rating in block.table.rows()]
    assert rows == [Rating("a", "b", 1.0, 0), Rating("a", "c", 2.0, 0)]
    assert [row.line for row in bad] == [3]


@pytest.mark.parametrize("line", [b"\0" * LONG, b"i" * LONG + b",t", b"i," + b"t" * LONG])
def test_so_it_is_among_items(line: bytes) -> None:
    bad: list[BadRow] = []
    content = b"item_id,title\na,b\n" + line + b"\nc,d\n"
    items = list(read_items(io.BytesIO(content), "csv", "item_id,title", on_bad_row=bad.append))
    assert items == [Item("a", "b", []), Item("c", "d", [])]
    assert [row.line for row in bad] == [3]
