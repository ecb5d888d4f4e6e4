"""Writing many ratings at once ends in the same ratings and the same counts as writing them one batch at a time."""

import itertools
import threading

import numpy as np
import pytest
from sqlalchemy import text

from app.storage.bulk import BulkWriter
from app.storage.engine import Store
from app.storage.rating_changes import n_rating_changes
from app.storage.rating_table import RatingTable
from app.storage.ratings import Rating, delete_rating, erase_user
from app.storage.training_data import load_training_data
from app.storage.upserts import WriteCounts, upsert_ratings


def bulk(store: Store, *batches: list[Rating]) -> list[WriteCounts]:
    writer = BulkWriter()
    counts = []
    for batch in batches:
        with store.write() as connection:
            counts.append(writer.write(connection, RatingTable.of(batch)))
    return counts


def everything(store: Store) -> list[tuple[object, ...]]:
    listing = (
        "SELECT user_id, item_id, value, timestamp FROM ratings JOIN users USING (user_key) JOIN items USING (item_key)"
    )
    with store.read() as connection:
        return [tuple(row) for row in connection.execute(text(f"{listing} ORDER BY user_id, item_id"))]


def random_batches(seed: int) -> list[list[Rating]]:
    rng = np.random.default_rng(seed)
    return [
        [
            Rating(f"u{rng.integers(8)}", f"i{rng.integers(9)}", float(rng.integers(6)), int(rng.integers(50)))
            for _ in range(60)
        ]
        for _ in range(5)
    ]


@pytest.mark.parametrize(("seed", "most_remembered"), [(0, 150_000), (1, 150_000), (2, 10), (3, 2)])
def test_it_ends_where_single_batches_end(store, sqlite_template, tmp_path, monkeypatch, seed, most_remembered):
    monkeypatch.setattr("app.storage.bulk._MOST_REMEMBERED", most_remembered)
    batches = random_batches(seed)
    other = Store(f"sqlite:///{tmp_path / 'other.db'}")
    (tmp_path / "other.db").write_bytes(sqlite_template.read_bytes())
    expected = []
    for place in (other, store):
        with place.write() as connection:
            upsert_ratings(connection, [Rating("u1", "i1", 1.0, 25), Rating("u2", "i2", 1.0, 25)], now=1)
            delete_rating(connection, "u2", "i2", now=30)
    for batch in batches:
        with other.write() as connection:
            expected.append(upsert_ratings(connection, batch, now=1))
    assert bulk(store, *batches) == expected
    assert everything(store) == everything(other)
    with store.read() as one, other.read() as two:
        assert n_rating_changes(one) == n_rating_changes(two)
    other.close()


def test_a_second_time_changes_nothing(store):
    batch = random_batches(1)[0]
    (first,) = bulk(store, batch)
    before = everything(store)
    with store.read() as connection:
        n_changes = n_rating_changes(connection)
    again, *_ = bulk(store, batch, [])
    assert again.created == 0
    assert again.updated == first.created
    assert everything(store) == before
    with store.read() as connection:
        assert n_rating_changes(connection) == n_changes


def test_an_erasure_in_between_leaves_nothing_behind(store):
    writer = BulkWriter()
    batch = [Rating("u", "a", 1.0, 5), Rating("v", "a", 1.0, 5)]
    for _ in range(2):
        with store.write() as connection:
            writer.write(connection, RatingTable.of(batch))
        with store.write() as connection:
            receipt = erase_user(connection, "u", now=9)
        assert receipt is not None
        assert receipt.n_ratings == 1
        assert everything(store) == [("v", "a", 1.0, 5)]


def test_training_reads_what_is_stored_and_no_tombstones(store):
    rng = np.random.default_rng(0)
    batch = [Rating(f"u{n}", f"i{rng.integers(50)}", rng.random(), 1_700_000_000_123_456 + n) for n in range(5_000)]
    bulk(store, batch)
    with store.write() as connection:
        assert delete_rating(connection, "u7", batch[7].item_id, now=1)
    with store.read() as connection:
        data = load_training_data(connection)
        names = {row[0]: row[1] for row in connection.execute(text("SELECT user_key, user_id FROM users"))}
    loaded = {
        names[key]: (value, time) for key, value, time in zip(data.user_keys, data.values, data.timestamps, strict=True)
    }
    assert loaded == {rating.user_id: (rating.value, rating.timestamp) for rating in batch if rating.user_id != "u7"}


def test_training_reads_one_state_while_others_write(store):
    bulk(store, [Rating(f"u{n}", "a", 1.0, 1) for n in range(3_000)])
    with store.read() as connection:
        connection.execute(text("SELECT 1"))
    with store.read() as connection:
        data = load_training_data(connection)
        if not store.is_sqlite:
            bulk(store, [Rating(f"u{n}", "a", 2.0, 2) for n in range(3_000)])
        again = connection.execute(text("SELECT sum(value) FROM ratings")).scalar_one()
    assert data.values.sum() == again == 3_000


def test_ratings_and_their_number_of_changes_are_of_one_moment(store, database_url):
    # each writer only adds, so a state has as many ratings as changes
    stop = threading.Event()

    def write(name: str) -> None:
        own = Store(database_url)
        for number in itertools.count():
            if stop.is_set():
                break
            with own.write() as connection:
                upsert_ratings(connection, [Rating(f"{name}{number}", "a", 1.0, 1)], now=1)
        own.close()

    writers = [threading.Thread(target=write, args=(name,)) for name in "uvw"]
    for writer in writers:
        writer.start()
    try:
        states = []
        for _ in range(40):
            with store.read() as connection:
                data = load_training_data(connection)
                n_users = connection.execute(text("SELECT count(*) FROM users")).scalar_one()
            states.append((len(data.values), data.n_changes, n_users))
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert all(n_ratings == n_changes == n_users for n_ratings, n_changes, n_users in states), states
    assert states[-1][0] > states[0][0]


def test_an_empty_store_gives_empty_arrays(store):
    with store.read() as connection:
        data = load_training_data(connection)
    assert data.user_keys.shape == data.values.shape == (0,)
    assert data.user_keys.dtype == np.int64
