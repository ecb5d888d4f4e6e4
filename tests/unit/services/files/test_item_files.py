"""Items out of text: titles, categories, and the line of the first bad row."""

import io

import pytest

from app.services.files.bad_rows import BadRow, BadRowError
from app.services.files.item_files import read_items
from app.services.files.item_layouts import item_format
from app.storage.catalogue import Item


def read(content: bytes, encoding: str | None = None) -> list[Item]:
    first_line = content.split(b"\n")[0].decode("latin-1").rstrip("\r")
    return list(read_items(io.BytesIO(content), item_format(first_line), first_line, encoding=encoding))


def test_movies_csv_gives_titles_and_categories() -> None:
    content = 'movieId,title,genres\n1,"Brücke, Die (1999)",Drama|War\n2,Plain (2000),(no genres listed)\n'.encode()
    assert read(content) == [Item("1", "Brücke, Die (1999)", ["Drama", "War"]), Item("2", "Plain (2000)", [])]


def test_movies_dat_is_latin_1() -> None:
    assert read("3::Été (2001)::Comedy|Drama|Comedy\r\n".encode("latin-1")) == [
        Item("3", "Été (2001)", ["Comedy", "Drama"])
    ]


def test_u_item_flags_become_categories_and_the_flag_unknown_becomes_none() -> None:
    flags = ["0"] * 19
    some = flags.copy()
    some[1] = some[18] = "1"
    unknown = ["1", *flags[1:]]
    lines = ["|".join(["4", "Où (1998)", "01-Jan-1998", "", "http://example.org", *row]) for row in (some, unknown)]
    content = ("\n".join(lines) + "\n").encode("latin-1")
    assert read(content) == [Item("4", "Où (1998)", ["Action", "Western"]), Item("4", "Où (1998)", [])]


def test_columns_may_be_in_any_order_and_missing() -> None:
    assert read(b"name\tid\nA Film\tx\n\n\ty\n") == [Item("x", "A Film", []), Item("y", None, [])]


@pytest.mark.parametrize("bad", [b'2,"A"x,B', b'2,A,"' + b"\n".join([b"x" * 50_000] * 3)])
def test_behind_a_quote_that_cannot_be_read_items_are_read_on(bad: bytes) -> None:
    content = b"movieId,title,genres\n1,A,B\n" + bad + b"\n3,C,D\n"
    told: list[BadRow] = []
    items = list(read_items(io.BytesIO(content), "csv", "movieId,title,genres", on_bad_row=told.append))
    assert [item.item_id for item in items] == ["1", "3"]
    assert [bad.line for bad in told] == [3]
    assert told[0].reason.startswith("cannot be read")


@pytest.mark.parametrize(
    ("row", "line", "reason"),
    [
        (b"1,A", 4, "has 2 columns where 3 are expected"),
        (b",A,B", 4, "the item id must not be empty"),
        (b"1,A\x00,B", 4, "the title must not contain control characters or lone surrogates"),
        (b"1,\xff,B", 4, "is not UTF-8; name the file's encoding with --encoding"),
        (b"1,A,B|\x85" + b"C" * 2000, 4, "is not UTF-8; name the file's encoding with --encoding"),
        (b"1,A," + b"C" * 2000, 4, "the category must not be longer than 1024 bytes of UTF-8"),
        (b'1,"A', 4, "cannot be read: unexpected end of data"),
        (b"1,A" + b"," * 2_000_000, 4, "has 131070 columns where 3 are expected"),
    ],
)
def test_a_bad_row_is_named_with_its_line_and_reason(row: bytes, line: int, reason: str) -> None:
    with pytest.raises(BadRowError) as refusal:
        read(b'movieId,title,genres\n0,A,"B\n"\n' + row + b"\n")
    assert (refusal.value.line, refusal.value.reason) == (line, reason)


def test_a_line_without_an_end_fills_no_memory_in_an_encoding_of_more_bytes() -> None:
    file = io.BytesIO(("id,title\n" + "x" * 2_000_000).encode("utf-16"))
    with pytest.raises(BadRowError, match="line 2: is longer than 1,048,576 characters"):
        list(read_items(file, "csv", "id,title", encoding="utf-16"))


def test_the_file_is_left_open_for_its_owner() -> None:
    file = io.BytesIO(b"movieId,title\n1,A\n")
    assert list(read_items(file, "csv", "movieId,title"))
    assert not file.closed
