"""Ratings out of text: every accepted row, and the line of the first bad one."""

import io
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.files.bad_rows import BadRow, BadRowError
from app.services.files.file_layouts import ColumnNames, RatingLayout, rating_layout
from app.services.files.rating_blocks import Block, RatingRules
from app.services.files.rating_files import _next_batch, _open, read_ratings
from app.services.files.rating_sources import first_line
from app.storage.ratings import Rating

NOW = 1_700_000_000_000_000
RULES = RatingRules(0.5, 5.0, NOW)


def read(content: bytes, *, encoding: str = "utf-8", block_bytes: int = 1 << 20) -> list[Rating]:
    header = content.split(b"\n")[0].decode(encoding)
    layout = rating_layout(header.rstrip("\r"), None, ColumnNames())
    blocks = read_ratings(io.BytesIO(content), layout, RULES, encoding=encoding, block_bytes=block_bytes)
    return [rating for block in blocks for rating in block.table.rows()]


def line_and_reason(content: bytes, *, block_bytes: int = 1 << 20) -> tuple[int, str]:
    with pytest.raises(BadRowError) as refusal:
        read(content, block_bytes=block_bytes)
    return refusal.value.line, refusal.value.reason


def test_seconds_become_microseconds_and_ids_stay_text() -> None:
    assert read(b"userId,movieId,rating,timestamp\n01,2,3.5,1000000000\n") == [Rating("01", "2", 3.5, 10**15)]


def test_the_layouts_of_movielens_are_read() -> None:
    assert read(b"7::8::5::978300760\n") == [Rating("7", "8", 5.0, 978300760 * 10**6)]
    assert read(b"7\t8\t5\t881250949\n") == [Rating("7", "8", 5.0, 881250949 * 10**6)]


def test_a_file_without_times_writes_epoch_0_and_so_does_an_empty_time() -> None:
    assert read(b"user,item,rating\na,b,1\n") == [Rating("a", "b", 1.0, 0)]
    assert read(b"user,item,rating,time\na,b,1,\na,c,1,5\n") == [
        Rating("a", "b", 1.0, 0),
        Rating("a", "c", 1.0, 5 * 10**6),
    ]


@pytest.mark.parametrize(
    "time", [b"2001-09-09T01:46:40Z", b"2001-09-09T03:46:40+02:00", b"2001-09-09 01:46:40", b"1000000000.0", b"1e9"]
)
def test_a_time_may_be_written_in_words_or_with_a_fraction(time: bytes) -> None:
    assert read(b"user,item,rating,time\na,b,1," + time + b"\n") == [Rating("a", "b", 1.0, 10**15)]


def test_a_fraction_of_a_second_is_kept() -> None:
    assert read(b"user,item,rating,time\na,b,1,1000000000.25\n")[0].timestamp == 10**15 + 250_000


def test_a_time_ahead_by_less_than_a_minute_becomes_now() -> None:
    assert read(b"user,item,rating,time\na,b,1,1700000030\n")[0].timestamp == NOW


def test_quotes_blank_lines_windows_line_ends_a_byte_order_mark_and_other_columns_do_no_harm() -> None:
    content = b'\xef\xbb\xbfuser,note,item,rating\r\n"a, b","line 1\r\nline 2",c,1\r\n\r\nd,,e,2\r\n'
    assert read(content) == [Rating("a, b", "c", 1.0, 0), Rating("d", "e", 2.0, 0)]


def test_another_encoding_can_be_named() -> None:
    assert read("user,item,rating\nZoë,Amélie,5\n".encode("latin-1"), encoding="latin-1")[0].item_id == "Amélie"


def test_a_file_of_a_header_only_holds_nothing() -> None:
    assert read(b"user,item,rating\n") == []
    assert read(b"user,item,rating") == []


def test_a_header_may_have_thousands_of_columns_and_not_millions_of_characters() -> None:
    many = b",".join([b"user,item,rating", *(b"column %d" % number for number in range(8_000))])
    layout = rating_layout(first_line(io.BytesIO(many + b"\n"), None), None, ColumnNames())
    assert layout.n_columns == 8_003
    with pytest.raises(ValueError, match="its first line has more than 131,071 characters"):
        first_line(io.BytesIO(many * 2 + b"\n"), None)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"a,b,5.5,0", "the value must be a number from 0.5 to 5"),
        (b"a,b,0,0", "the value must be a number from 0.5 to 5"),
        (b"a,b,nan,0", "the value must be a number"),
        (b"a,b,,0", "the value must be a number"),
        (b",b,5,0", "the user id must not be empty"),
        (b"a,,5,0", "the item id must not be empty"),
        (b"a,b\x00,5,0", "the item id must not contain control characters or lone surrogates"),
        (b'a,"b\nc",5,0', "the item id must not contain control characters or lone surrogates"),
        (b"\xff,b,5,0", "the user id is not UTF-8; name the file's encoding with --encoding"),
        (b"a" * 257 + b",b,5,0", "the user id must not be longer than 256 bytes of UTF-8"),
        (b"a,b,5,-1", "the timestamp must not lie before 1970"),
        (b"a,b,5,1700000061", "the timestamp must not lie in the future; a number counts seconds since 1970"),
        (b"a,b,5,soon", "the timestamp must be seconds since 1970, or a time such as 2024-05-06T07:08:09Z"),
        (b"a,b,5", "has 3 columns where 4 are expected"),
        (b"a,b,5,0,0", "has 5 columns where 4 are expected"),
    ],
)
def test_a_bad_row_is_named_with_its_line_and_reason(row: bytes, reason: str) -> None:
    content = b"user,item,rating,timestamp\nu,i,1,1\n"
    assert line_and_reason(content + row + b"\n") == (3, reason)
    assert line_and_reason(content + b"\n" + row + b"\nu,i,bad too,1\n") == (4, reason)


@pytest.mark.parametrize("bad_row", [b"u,i,9,x", b"u,i,1"])
@pytest.mark.parametrize("bad_line", [2, 3, 97, 500, 1001])
def test_the_line_is_right_in_whichever_block_it_is(bad_row: bytes, bad_line: int) -> None:
    lines = [b"user,item,rating,note"] + [b'u,i,1,"a\nb"' if line % 7 == 0 else b"u,i,1,n" for line in range(2, 1002)]
    n_breaks = sum(line.count(b"\n") for line in lines[: bad_line - 1])
    lines[bad_line - 1] = bad_row
    line, _ = line_and_reason(b"\n".join(lines) + b"\n", block_bytes=300)
    assert line == bad_line + n_breaks


@pytest.mark.parametrize("swallowing", [b'u,"i\n\n",1', b'"u,i,1\nu,i,1\nu,i",2', b'u,i,"1\n\n"'])
@pytest.mark.parametrize("block_bytes", [40, 1 << 20])
@pytest.mark.parametrize("last", [b"u,i,bad", b"u,i"])
def test_the_line_is_right_behind_a_bad_row_that_holds_line_ends(
    swallowing: bytes, block_bytes: int, last: bytes
) -> None:
    content = b"\n".join([b"user,item,rating", *[b"u,i,1"] * 20, swallowing, *[b"u,i,1"] * 20, swallowing, last, b""])
    refused: list[BadRow] = []
    layout = rating_layout("user,item,rating", None, ColumnNames())
    blocks = read_ratings(io.BytesIO(content), layout, RULES, block_bytes=block_bytes, on_bad_row=refused.append)
    n_good = sum(len(block.table) for block in blocks)
    lines = [bad.line for bad in refused]
    assert lines[-1] == 1 + 20 + 3 + 20 + 3 + 1
    assert n_good + len(refused) == 43
    assert lines[:-1] in ([22, 45], [])  # a number may have line ends around it


def test_of_two_bad_rows_the_first_is_named_whatever_is_wrong_with_it() -> None:
    assert line_and_reason(b"user,item,rating\nu,i,9\nu,i\n")[0] == 2
    assert line_and_reason(b"user,item,rating\nu,i\nu,i,9\n")[0] == 2


def test_blocks_before_the_bad_one_are_yielded_and_nothing_of_its_own() -> None:
    content = b"user,item,rating\n" + b"u,i,1\n" * 500 + b"u,i,9\n"
    layout = rating_layout("user,item,rating", None, ColumnNames())
    blocks = read_ratings(io.BytesIO(content), layout, RULES, block_bytes=300)
    n_yielded = sum(len(block.table) for block in islice(blocks, 10))
    assert 400 <= n_yielded < 500
    with pytest.raises(BadRowError):
        next(blocks)


def test_blocks_tell_how_much_of_the_file_they_are() -> None:
    content = b"u,i,1\n" * 500
    blocks = list(read_ratings(io.BytesIO(content), RatingLayout(",", 3, 0, 1, 2, None, 0), RULES, block_bytes=300))
    assert [block.n_bytes for block in blocks] == [300] * 10


@pytest.mark.parametrize("row", [b"1::2:5::9", b"1:x:2::5::9", b"1::2::5:"])
def test_a_single_colon_does_not_separate(row: bytes) -> None:
    assert line_and_reason(b"1::2::5::9\n" + row + b"\n")[0] == 2


def test_a_line_longer_than_a_block_is_refused() -> None:
    line, reason = line_and_reason(b"user,item,rating\n" + b"u" * 1000 + b",i,1\n", block_bytes=300)
    assert line == 2
    assert "cannot be read" in reason


_CELLS = st.sampled_from([b"", b"a", b"\xc3\xa9", b"\xff", b"x\x01", b"b" * 257])
_NUMBERS = st.sampled_from([
    b"0.5",
    b"5",
    b"3.",
    b".7",
    b"+4",
    b" 4",
    b"4\t",
    b"1e0",
    b"nan",
    b"inf",
    b"0x1",
    b"1_0",
    b"",
    b"6",
])
_TIMES = st.sampled_from([
    b"0",
    b"12.5",
    b"-1",
    b"-0",
    b"1699999999",
    b"1700000001",
    b"1800000000",
    b"1e400",
    b"0x10",
    b"",
])


@given(st.lists(st.tuples(_CELLS, _CELLS, _NUMBERS, _TIMES), min_size=1, max_size=4))
def test_what_the_fast_way_accepts_is_what_row_by_row_accepts(rows: list[tuple[bytes, ...]]) -> None:
    layout = RatingLayout(",", 4, 0, 1, 2, 3, 0)
    content = b"".join(b",".join(row) + b"\n" for row in rows)
    block = Block(_next_batch(_open(io.BytesIO(content), layout, "utf-8", 1 << 20, None), 1), layout, RULES, 1, {})
    try:
        fast = block.by_columns().rows()
    except ValueError:
        return
    assert fast == block.row_by_row(None)
