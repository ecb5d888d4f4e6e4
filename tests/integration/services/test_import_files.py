"""Files end up in the store, a chunk a transaction, and a second time changes nothing."""

import gzip
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep

import psycopg
import pyarrow as pa
import pytest
from pyarrow import parquet
from sqlalchemy import select

from app.config import Settings
from app.errors import InvalidInputError
from app.services.files.bad_rows import BadRow
from app.services.files.file_layouts import FileOptions
from app.services.files.import_files import ImportProgress, ImportSummary, import_items, import_ratings
from app.storage.catalogue import find_item
from app.storage.counting import count_rows
from app.storage.engine import Store
from app.storage.rating_changes import n_rating_changes
from app.storage.ratings import Rating, erase_user, list_user_ratings
from app.storage.schema import items, ratings, users

SETTINGS = Settings()


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    store = Store(database_url)
    yield store
    store.close()


@pytest.fixture
def ratings_csv(tmp_path: Path) -> Path:
    """5,000 ratings of 100 items by 50 users, in several chunks of 10,000 bytes."""
    lines = [f"{n // 100},{n % 100},{n % 11 / 2},{1_000_000_000 + n}\n" for n in range(5000)]
    path = tmp_path / "ratings.csv"
    path.write_text("userId,movieId,rating,timestamp\n" + "".join(lines))
    return path


def everything(store: Store) -> list[tuple[str, str, float, int]]:
    listing = (
        select(users.c.user_id, items.c.item_id, ratings.c.value, ratings.c.timestamp)
        .join_from(ratings, users, users.c.user_key == ratings.c.user_key)
        .join(items, items.c.item_key == ratings.c.item_key)
    )
    with store.read() as connection:
        return sorted((row[0], row[1], row[2], row[3]) for row in connection.execute(listing))


def test_every_rating_of_a_file_is_stored_exactly(store: Store, ratings_csv: Path) -> None:
    summary = import_ratings(store, SETTINGS, [ratings_csv], block_bytes=10_000)
    assert summary == ImportSummary(n_rows=5000, created=5000, updated=0, ignored=0)
    expected = [(str(n // 100), str(n % 100), n % 11 / 2, (1_000_000_000 + n) * 10**6) for n in range(5000)]
    assert everything(store) == sorted(expected)


def test_the_second_time_nothing_changes(store: Store, ratings_csv: Path) -> None:
    import_ratings(store, SETTINGS, [ratings_csv])
    with store.read() as connection:
        before = n_rating_changes(connection)
    summary = import_ratings(store, SETTINGS, [ratings_csv])
    assert (summary.n_rows, summary.created) == (5000, 0)
    with store.read() as connection:
        assert n_rating_changes(connection) == before


def test_progress_tells_what_is_committed_and_ends_with_the_file(store: Store, ratings_csv: Path) -> None:
    told: list[ImportProgress] = []
    committed: list[int] = []

    def follow(progress: ImportProgress) -> None:
        told.append(progress)
        with store.read() as connection:
            committed.append(count_rows(connection).n_ratings)

    import_ratings(store, SETTINGS, [ratings_csv], on_progress=follow, block_bytes=2_500)
    assert len(told) > 5
    assert [progress.n_rows for progress in told] == committed
    assert told[-1].n_bytes == pytest.approx(ratings_csv.stat().st_size, rel=0.01)
    assert told[0].n_bytes < told[-1].n_bytes / 4


def test_a_bad_row_stops_the_import_with_its_line_and_keeps_only_the_chunks_before(
    store: Store, ratings_csv: Path
) -> None:
    lines = ratings_csv.read_text().splitlines()
    lines[3000] = "1,2,five,3"
    ratings_csv.write_text("\n".join(lines))
    with pytest.raises(InvalidInputError, match=r"ratings\.csv, line 3001: the value must be a number\. .*") as refusal:
        import_ratings(store, SETTINGS, [ratings_csv], block_bytes=10_000)
    with store.read() as connection:
        n_stored = count_rows(connection).n_ratings
    assert 2000 < n_stored < 3000
    assert f"; {n_stored:,} ratings before it are stored" in str(refusal.value)


def test_a_corrected_file_is_imported_again_without_a_duplicate(store: Store, ratings_csv: Path) -> None:
    good = ratings_csv.read_text()
    ratings_csv.write_text(good + "a,b,99,1\n")
    with pytest.raises(InvalidInputError, match="line 5002"):
        import_ratings(store, SETTINGS, [ratings_csv], block_bytes=10_000)
    ratings_csv.write_text(good)
    import_ratings(store, SETTINGS, [ratings_csv])
    assert len(everything(store)) == 5000


def test_the_newest_of_several_files_wins_whatever_their_order(store: Store, tmp_path: Path) -> None:
    new, old = tmp_path / "new.csv", tmp_path / "old.csv"
    new.write_text("user,item,rating,time\nu,i,5,200\n")
    old.write_text("user,item,rating,time\nu,i,1,100\n")
    summary = import_ratings(store, SETTINGS, [new, old])
    assert summary == ImportSummary(n_rows=2, created=1, updated=0, ignored=1)
    assert everything(store) == [("u", "i", 5.0, 200 * 10**6)]


def test_a_rating_without_a_time_gives_way_to_any_other(store: Store, tmp_path: Path) -> None:
    timed, untimed = tmp_path / "timed.csv", tmp_path / "untimed.csv"
    timed.write_text("user,item,rating,time\nu,i,5,200\n")
    untimed.write_text("user,item,rating\nu,i,1\n")
    import_ratings(store, SETTINGS, [timed, untimed])
    with store.read() as connection:
        assert list_user_ratings(connection, "u", after="", limit=9) == [Rating("u", "i", 5.0, 200 * 10**6)]


def test_the_scale_of_the_settings_holds(store: Store, ratings_csv: Path) -> None:
    settings = Settings(rating_min=1, rating_max=3)
    with pytest.raises(InvalidInputError, match="line 2: the value must be a number from 1 to 3"):
        import_ratings(store, settings, [ratings_csv])


def test_items_get_titles_and_categories_before_or_after_their_ratings(store: Store, tmp_path: Path) -> None:
    rated, described = tmp_path / "ratings.csv", tmp_path / "movies.csv"
    rated.write_text("user,item,rating\nu,1,5\nu,3,5\n")
    described.write_text("movieId,title,genres\n1,One (1991),Drama|War\n2,Two (1992),(no genres listed)\n")
    told: list[ImportProgress] = []
    import_ratings(store, SETTINGS, [rated])
    assert import_items(store, [described], on_progress=told.append).n_rows == 2
    assert told[-1].n_bytes == described.stat().st_size
    with store.read() as connection:
        found = {item_id: find_item(connection, item_id) for item_id in ("1", "2", "3")}
    described_as = {item_id: (row.title, row.categories) for item_id, row in found.items() if row}
    assert described_as == {"1": ("One (1991)", ["Drama", "War"]), "2": ("Two (1992)", []), "3": (None, [])}


def test_a_bad_item_is_named_with_file_and_line(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "movies.csv"
    path.write_text("movieId,title,genres\n1,One,Drama\n2,Two\n")
    with pytest.raises(InvalidInputError, match=r"movies\.csv, line 3: has 2 columns where 3 are expected"):
        import_items(store, [path])
    with store.read() as connection:
        assert find_item(connection, "1") is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"\n1,2,3\n", "begins with an empty line"),
        (b"a,b,c\n1,2,3\n", "name it with --user-column"),
        (b"\xff\xfe,b,c\n", "--encoding"),
    ],
)
def test_a_file_that_cannot_be_understood_is_named(store: Store, tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "strange.csv"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=f"strange.csv.*{reason}"):
        import_ratings(store, SETTINGS, [path])


def test_an_unknown_encoding_and_a_missing_file_are_errors_in_words(store: Store, ratings_csv: Path) -> None:
    with pytest.raises(InvalidInputError, match="unknown encoding"):
        import_ratings(store, SETTINGS, [ratings_csv], FileOptions(encoding="no-such"))
    with pytest.raises(InvalidInputError, match=r"gone\.csv cannot be read: No such file"):
        import_ratings(store, SETTINGS, [ratings_csv.with_name("gone.csv")])


class StoppedError(Exception):
    """As Ctrl-C or a crash stops an import between two commits."""


def stop_after(n_chunks: int):
    told = []

    def follow(progress: ImportProgress) -> None:
        told.append(progress)
        if len(told) == n_chunks:
            raise StoppedError

    return follow


@pytest.mark.parametrize("packed", [False, True])
def test_an_import_that_was_stopped_goes_on_behind_its_last_chunk(
    store: Store, ratings_csv: Path, packed: bool
) -> None:
    if packed:
        ratings_csv.write_bytes(gzip.compress(ratings_csv.read_bytes()))
    with pytest.raises(StoppedError):
        import_ratings(store, SETTINGS, [ratings_csv], on_progress=stop_after(3), block_bytes=2_500)
    with store.read() as connection:
        n_stored = count_rows(connection).n_ratings
    assert 0 < n_stored < 5000
    summary = import_ratings(store, SETTINGS, [ratings_csv], block_bytes=2_500)
    assert (summary.n_before, summary.n_rows, summary.created) == (n_stored, 5000 - n_stored, 5000 - n_stored)
    assert len(everything(store)) == 5000


def test_what_was_erased_since_does_not_come_back_with_the_rest(store: Store, ratings_csv: Path) -> None:
    with pytest.raises(StoppedError):
        import_ratings(store, SETTINGS, [ratings_csv], on_progress=stop_after(3), block_bytes=2_500)
    with store.write() as connection:
        erase_user(connection, "0", now=1)
    import_ratings(store, SETTINGS, [ratings_csv], block_bytes=2_500)
    assert {row[0] for row in everything(store)} == {str(user) for user in range(1, 50)}


def test_a_file_that_was_changed_begins_anew(store: Store, ratings_csv: Path) -> None:
    with pytest.raises(StoppedError):
        import_ratings(store, SETTINGS, [ratings_csv], on_progress=stop_after(3), block_bytes=2_500)
    ratings_csv.write_text(ratings_csv.read_text().replace("\n0,0,0.0,", "\n0,0,5.0,"))
    assert import_ratings(store, SETTINGS, [ratings_csv]).n_before == 0
    assert ("0", "0", 5.0, 10**15) in everything(store)


def test_an_import_that_came_to_its_end_begins_anew(store: Store, ratings_csv: Path) -> None:
    import_ratings(store, SETTINGS, [ratings_csv])
    with store.write() as connection:
        erase_user(connection, "0", now=1)
    assert import_ratings(store, SETTINGS, [ratings_csv]).created == 100


def test_bad_rows_are_skipped_told_and_counted_and_the_rest_is_stored(store: Store, ratings_csv: Path) -> None:
    lines = ratings_csv.read_text().splitlines()
    lines[10], lines[2000], lines[3000], lines[5000] = "9,10,99,1", "too,few", "a,b,c,d,e", ",1,2,3"
    ratings_csv.write_text("\n".join(lines) + "\n")
    bad: list[BadRow] = []
    summary = import_ratings(store, SETTINGS, [ratings_csv], on_bad_row=bad.append, block_bytes=2_500)
    assert [(row.line, row.text) for row in bad] == [
        (11, "9,10,99,1"),
        (2001, "too,few"),
        (3001, "a,b,c,d,e"),
        (5001, ",1,2,3"),
    ]
    assert (summary.n_bad, summary.n_rows) == (4, 4996)
    assert len(everything(store)) == 4996


def test_a_stopped_import_with_bad_rows_goes_on_without_telling_them_again(store: Store, ratings_csv: Path) -> None:
    lines = ratings_csv.read_text().splitlines()
    lines[10], lines[20], lines[4000] = "9,10,99,1", "too,few", "too,few"
    ratings_csv.write_text("\n".join(lines) + "\n")
    bad: list[BadRow] = []
    with pytest.raises(StoppedError):
        import_ratings(
            store, SETTINGS, [ratings_csv], on_bad_row=bad.append, on_progress=stop_after(2), block_bytes=2_500
        )
    import_ratings(store, SETTINGS, [ratings_csv], on_bad_row=bad.append, block_bytes=2_500)
    assert [row.line for row in bad] == [11, 21, 4001]
    assert len(everything(store)) == 4997


def test_a_check_alone_finds_the_same_and_stores_nothing(store: Store, ratings_csv: Path) -> None:
    assert import_ratings(None, SETTINGS, [ratings_csv]).n_rows == 5000
    ratings_csv.write_text(ratings_csv.read_text() + "1,2,99,4\n")
    with pytest.raises(InvalidInputError, match="line 5002"):
        import_ratings(None, SETTINGS, [ratings_csv])
    assert everything(store) == []


def test_items_come_from_parquet_too_with_categories_as_a_list_or_joined(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    parquet.write_table(pa.table({"item_id": ["a", "b"], "title": ["A", ""], "categories": [["x", "y"], []]}), path)
    assert import_items(store, [path]).n_rows == 2
    parquet.write_table(pa.table({"itemId": [7], "genres": ["x|y"]}), path)
    assert import_items(store, [path]).n_rows == 1
    with store.read() as connection:
        found = [find_item(connection, item_id) for item_id in ("a", "b", "7")]
    assert [item and (item.title, item.categories) for item in found] == [
        ("A", ["x", "y"]),
        (None, []),
        (None, ["x", "y"]),
    ]


def test_bad_items_are_skipped_and_told(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "movies.csv"
    path.write_text("movieId,title,genres\n1,A,x\n,B,y\n3,C\n4,D,z\n")
    bad: list[BadRow] = []
    assert import_items(store, [path], on_bad_row=bad.append).n_rows == 2
    assert [row.line for row in bad] == [3, 4]


def test_an_import_that_was_undone_for_another_writer_begins_its_chunk_anew(store: Store, ratings_csv: Path) -> None:
    if store.is_sqlite:
        pytest.skip("SQLite has one writer at a time, so none waits for another in a circle")
    url = store.url.set(drivername="postgresql").render_as_string(hide_password=False)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with psycopg.connect(url) as other, psycopg.connect(url, autocommit=True) as watcher, ThreadPoolExecutor() as pool:
        if not other.execute("SELECT usesuper FROM pg_user WHERE usename = current_user").fetchall()[0][0]:
            pytest.skip("only a superuser may choose who gives way")
        other.execute("SET deadlock_timeout = '10min'")  # so that it is the import that finds the circle, and gives way
        other.execute("SELECT FROM counters FOR UPDATE")
        importing = pool.submit(import_ratings, store, SETTINGS, [ratings_csv])
        while not watcher.execute(waiting).fetchall()[0][0]:
            assert not importing.done()
            sleep(0.01)
        other.execute("INSERT INTO users (user_id) VALUES ('7')")  # which the import has inserted, and not committed
        other.rollback()
        summary = importing.result()
    assert (summary.n_rows, summary.created, len(everything(store))) == (5000, 5000, 5000)
