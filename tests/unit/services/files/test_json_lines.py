"""Ratings and items as NDJSON: what the API takes, under the names that files use."""

import io

import pytest

from app.services.files.bad_rows import BadRow, BadRowError
from app.services.files.file_layouts import ColumnNames
from app.services.files.item_files import read_items
from app.services.files.item_layouts import item_format
from app.services.files.json_lines import read_json_ratings
from app.services.files.rating_blocks import RatingRules
from app.storage.catalogue import Item
from app.storage.ratings import Rating

RULES = RatingRules(0.5, 5.0, 1_700_000_000_000_000)
GOOD = b'{"user_id":"a","item_id":"b","value":1}\n'


def read(content: bytes, names: ColumnNames | None = None, *, block_bytes: int = 1 << 20) -> list[Rating]:
    blocks = read_json_ratings(io.BytesIO(content), RULES, names or ColumnNames(), block_bytes=block_bytes)
    return [rating for block in blocks for rating in block.table.rows()]


@pytest.mark.parametrize(
    ("line", "rating"),
    [
        (b'{"user_id":"a","item_id":"b","value":3.5}', Rating("a", "b", 3.5, 0)),
        (b'{"value":5,"movieId":7,"userId":10000000000,"text":["any"]}', Rating("10000000000", "7", 5.0, 0)),
        (b'{"user":"a","item":"b","stars":1,"time":null}', Rating("a", "b", 1.0, 0)),
        (b'{"user":"a","item":"b","stars":1,"time":1000000000.25}', Rating("a", "b", 1.0, 10**15 + 250_000)),
        (b'{"user":"a","item":"b","stars":1,"time":"2001-09-09T01:46:40Z"}', Rating("a", "b", 1.0, 10**15)),
        ('{"user":"é,\\"","item":"\\u00e9","stars":1}'.encode(), Rating('é,"', "é", 1.0, 0)),
    ],
)
def test_an_object_is_a_rating(line: bytes, rating: Rating) -> None:
    assert read(line) == [rating]
    assert read(GOOD + b"\r\n\n" + line + b"\n") == [Rating("a", "b", 1.0, 0), rating]  # fields may differ by line


def test_fields_may_be_named() -> None:
    names = ColumnNames("buyer", "sku", "grade", "at")
    assert read(b'{"sku":"b","buyer":"a","grade":2,"at":1,"user":"x"}', names) == [Rating("a", "b", 2.0, 10**6)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "is no JSON"),
        (b"\xff", "is no JSON"),
        (b"[1]", "is no JSON object"),
        (b"null", "is no JSON object"),
        (b"{}", "no column is recognized as the user"),
        (b'{"user":"a","value":1}', "no column is recognized as the item"),
        (b'{"user":1.5,"item":"b","value":1}', "the user id must be a string or a whole number"),
        (b'{"user":true,"item":"b","value":1}', "the user id must be a string or a whole number"),
        (b'{"user":"","item":"b","value":1}', "the user id must not be empty"),
        (b'{"user":"a","item":"b\\u0000","value":1}', "the item id must not contain control characters"),
        (b'{"user":"a","item":"b","value":"1"}', "the value must be a number"),
        (b'{"user":"a","item":"b","value":true}', "the value must be a number"),
        (b'{"user":"a","item":"b","value":null}', "the value must be a number"),
        (b'{"user":"a","item":"b","value":9}', "the value must be a number from 0.5 to 5"),
        (b'{"user":"a","item":"b","value":1,"time":[1]}', "the timestamp must be a number"),
        (b'{"user":"a","item":"b","value":1,"time":-1}', "the timestamp"),
        (b'{"user":"a","item":"b","value":1,"time":"soon"}', "the timestamp must be seconds since 1970"),
        (b'{"user":"' + b"a" * 2_000_000 + b'","item":"b","value":1}', "is no JSON"),
    ],
)
def test_a_bad_line_is_named_with_its_reason_and_those_after_it_are_read(line: bytes, reason: str) -> None:
    with pytest.raises(BadRowError, match=f"line 3: {reason}"):
        read(GOOD + b"\n" + line + b"\n" + GOOD)
    bad: list[BadRow] = []
    file = io.BytesIO(GOOD + line + b"\n" + GOOD)
    (block,) = read_json_ratings(file, RULES, ColumnNames(), on_bad_row=bad.append)
    assert (len(block.table), block.n_lines, [row.line for row in bad]) == (2, 3, [2])


def test_blocks_are_passed_over_and_add_up() -> None:
    content = GOOD * 100
    blocks = list(read_json_ratings(io.BytesIO(content), RULES, ColumnNames(), block_bytes=400))
    assert sum(block.n_bytes for block in blocks) == len(content)
    assert [block.n_lines for block in blocks] == [10] * 10
    rest = list(read_json_ratings(io.BytesIO(content), RULES, ColumnNames(), block_bytes=400, n_passed=90))
    assert [block.n_lines for block in rest] == [10]


def test_items_have_titles_and_categories() -> None:
    lines = [
        b'{"item_id":"a","title":"A, or \\"B\\"","categories":["x","y"]}',
        b'{"id":7,"name":null,"genres":"x|y"}',
        b"",
        b'{"item_id":"c","title":"C"}',
    ]
    first_line = lines[0].decode()
    items = list(read_items(io.BytesIO(b"\n".join(lines)), item_format(first_line), first_line))
    assert items == [Item("a", 'A, or "B"', ["x", "y"]), Item("7", None, ["x", "y"]), Item("c", "C", [])]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"item_id":"a"}', "a file of items begins with"),
        (b'{"item_id":"a","title":5}', "the title must be a string"),
        (b'{"item_id":"a","categories":[5]}', "the title must be a string, and the categories a list of strings"),
        (b'{"item_id":"","title":"t"}', "the item id must not be empty"),
        (b"nothing", "is no JSON"),
    ],
)
def test_a_bad_item_is_named(line: bytes, reason: str) -> None:
    good = b'{"item_id":"a","title":"A"}\n'
    with pytest.raises(BadRowError, match=f"line 2: {reason}"):
        list(read_items(io.BytesIO(good + line), "ndjson", ""))
    bad: list[BadRow] = []
    assert len(list(read_items(io.BytesIO(good + line + b"\n" + good), "ndjson", "", on_bad_row=bad.append))) == 2
    assert [row.line for row in bad] == [2]
