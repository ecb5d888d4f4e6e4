"""What a file is wrapped in does not matter: text, text in gzip, or Parquet give the same ratings."""

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from app.config import Settings
from app.errors import InvalidInputError
from app.services.files.bad_rows import BadRow
from app.services.files.file_layouts import FileOptions
from app.services.files.import_files import import_items, import_ratings
from app.services.files.rating_blocks import RatingRules
from app.services.files.rating_sources import ratings_in_file, read_source
from app.storage.catalogue import find_item
from app.storage.engine import Store
from app.storage.migrate import migrate
from app.storage.ratings import Rating

TEXT = b"userId,movieId,rating,timestamp\n" + b"".join(b"%d,%d,3.5,%d\n" % (n % 9, n, n) for n in range(2_000))

RULES = RatingRules(0.0, 5.0, 1_700_000_000 * 10**6)


def read(path: Path) -> list[Rating]:
    return [rating for block in ratings_in_file(path, Settings(), FileOptions()) for rating in block]


def write_parquet(path: Path, **columns: Any) -> Path:
    parquet.write_table(pa.table(columns), path)
    return path


def test_gzip_is_unpacked(tmp_path):
    (tmp_path / "r.csv").write_bytes(TEXT)
    (tmp_path / "r.csv.gz").write_bytes(gzip.compress(TEXT))
    assert read(tmp_path / "r.csv.gz") == read(tmp_path / "r.csv")
    assert len(read(tmp_path / "r.csv")) == 2_000


def test_a_gzip_file_that_is_cut_off_is_refused(tmp_path):
    (tmp_path / "r.csv.gz").write_bytes(gzip.compress(TEXT)[:-20])
    with pytest.raises(InvalidInputError):
        read(tmp_path / "r.csv.gz")


def test_items_may_be_in_gzip_too(tmp_path):
    migrate(f"sqlite:///{tmp_path / 'f.db'}")
    store = Store(f"sqlite:///{tmp_path / 'f.db'}")
    (tmp_path / "m.gz").write_bytes(gzip.compress(b"movieId,title,genres\n1,Heat,Crime\n"))
    assert import_items(store, [tmp_path / "m.gz"]).n_rows == 1
    (tmp_path / "r.gz").write_bytes(gzip.compress(TEXT))
    seen: list[int] = []
    import_ratings(store, Settings(), [tmp_path / "r.gz"], on_progress=lambda progress: seen.append(progress.n_bytes))
    assert seen[-1] == (tmp_path / "r.gz").stat().st_size
    store.close()


@pytest.mark.parametrize(
    "users", [pa.array([7, 8], pa.int64()), pa.array(["7", "8"]), pa.array(["7", "8"]).dictionary_encode()]
)
def test_parquet_gives_what_text_gives(tmp_path, users):
    path = write_parquet(tmp_path / "r.parquet", user_id=users, item=["a, b", "ü"], rating=[1, 4.5], other=[[1], []])
    assert read(path) == [Rating("7", "a, b", 1.0, 0), Rating("8", "ü", 4.5, 0)]


def test_times_in_parquet_may_be_numbers_or_moments(tmp_path):
    moment = datetime(2001, 9, 9, 1, 46, 40, 250_000, tzinfo=UTC)
    for times in (
        [1_000_000_000.25],
        pa.array([moment]),
        pa.array([moment.replace(tzinfo=None)]),
        [moment.isoformat()],
    ):
        path = write_parquet(tmp_path / "r.parquet", user=["u"], item=["i"], value=[1.0], timestamp=times)
        assert read(path) == [Rating("u", "i", 1.0, 10**15 + 250_000)]


def test_a_bad_row_of_parquet_is_named(tmp_path):
    path = write_parquet(tmp_path / "r.parquet", user=["u", "u", None], item=["i", "j", "k"], value=[1.0, 9.0, 1.0])
    with pytest.raises(InvalidInputError, match="line 3: the value must be"):
        read(path)


def test_columns_of_parquet_that_do_not_matter_are_not_looked_at(tmp_path):
    bulky = pa.array([["\xff".encode("latin-1") * 1000], None])
    ids = pa.array([b"\xff", b"v"], pa.large_binary())
    path = write_parquet(tmp_path / "r.parquet", note=bulky, value=[1.0, 2.0], user=ids, other=bulky, item=["i", "j"])
    told: list[BadRow] = []
    blocks = list(read_source(path, RULES, FileOptions(), on_bad_row=told.append))
    assert [rating for block in blocks for rating in block.table.rows()] == [Rating("v", "j", 2.0, 0)]
    assert [(bad.line, bad.reason, bad.text) for bad in told] == [
        (2, "the user id is not UTF-8; name the file's encoding with --encoding", "\N{REPLACEMENT CHARACTER},i,1")
    ]


@pytest.mark.parametrize(("unit", "largest"), [("ms", 2**61), ("ms", 2**63 - 1), ("us", 2**63 - 1)])
def test_times_in_parquet_that_fit_no_calendar_are_bad_rows(tmp_path, unit, largest):
    times = pa.array([largest, 10**9, -largest], pa.timestamp(unit))
    path = write_parquet(tmp_path / "r.parquet", user=list("uvw"), item=list("ijk"), value=[1.0] * 3, timestamp=times)
    told: list[BadRow] = []
    blocks = list(read_source(path, RULES, FileOptions(), on_bad_row=told.append))
    stored = 10**9 * {"ms": 1000, "us": 1}[unit]
    assert [rating for block in blocks for rating in block.table.rows()] == [Rating("v", "j", 1.0, stored)]
    assert [bad.line for bad in told] == [2, 4]


def test_a_parquet_file_that_is_cut_off_is_refused(tmp_path):
    path = write_parquet(tmp_path / "r.parquet", user=["u"], item=["i"], value=[1.0])
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InvalidInputError, match="cut off"):
        read(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
@pytest.mark.parametrize("is_packed", [False, True])
def test_text_may_be_in_any_encoding_that_is_named(tmp_path, encoding, is_packed):
    content = "userId,itemId,value\né,ü,3\nñ,ü,4\n".encode(encoding)
    (tmp_path / "r").write_bytes(gzip.compress(content) if is_packed else content)
    options = FileOptions(encoding=None if encoding.startswith("utf-8") else encoding)
    found = [rating for block in ratings_in_file(tmp_path / "r", Settings(), options) for rating in block]
    assert found == [Rating("é", "ü", 3.0, 0), Rating("ñ", "ü", 4.0, 0)]


@pytest.mark.parametrize(("encoding", "named"), [("utf-16", None), ("cp1252", None), ("utf-8", "utf-16")])
def test_a_header_in_another_encoding_is_refused_in_words(tmp_path, encoding, named):
    (tmp_path / "r").write_bytes("üser,item,value\n1,2,3\n".encode(encoding))
    with pytest.raises(InvalidInputError, match=r"first line is not in .*--encoding"):
        list(ratings_in_file(tmp_path / "r", Settings(), FileOptions(encoding=named)))


def test_times_in_parquet_may_be_finer_than_microseconds(tmp_path):
    times = pa.array([1_577_880_000_123_456_789], pa.timestamp("ns"))
    path = write_parquet(tmp_path / "r.parquet", user=["u"], item=["i"], value=[1.0], timestamp=times)
    assert read(path) == [Rating("u", "i", 1.0, 1_577_880_000_123_456)]


def test_a_damaged_page_of_parquet_is_told_with_its_reason(tmp_path):
    path = write_parquet(tmp_path / "r.parquet", user=["u"] * 9, item=list("abcdefghi"), value=[1.0] * 9)
    content = bytearray(path.read_bytes())
    content[20] ^= 255
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"cannot be read: .*[a-z]{4}") as refused:
        read(path)
    assert "None" not in str(refused.value)


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.string()),
        pa.large_list(pa.large_string()),
        pa.list_(pa.dictionary(pa.int32(), pa.string())),
        pa.list_(pa.string(), 2),
    ],
)
def test_categories_in_parquet_may_be_lists_of_any_kind(store, tmp_path, kind):
    categories = pa.array([["x", "y"], ["y", None], None], kind)
    path = write_parquet(tmp_path / "i.parquet", item_id=["1", "2", "3"], title=["A", None, "C"], categories=categories)
    assert import_items(store, [path]).n_rows == 3
    with store.read() as connection:
        found = [find_item(connection, item_id) for item_id in "123"]
    assert [item and (item.title, item.categories) for item in found] == [("A", ["x", "y"]), (None, ["y"]), ("C", [])]


def test_items_in_another_encoding_are_refused_in_words(store, tmp_path):
    (tmp_path / "m.csv").write_bytes("movieId,title\n1,Café\n".encode("cp1252"))
    with pytest.raises(InvalidInputError, match=r"line 2: is not UTF-8; .*--encoding"):
        import_items(store, [tmp_path / "m.csv"])
    assert import_items(store, [tmp_path / "m.csv"], FileOptions(encoding="cp1252")).n_rows == 1
