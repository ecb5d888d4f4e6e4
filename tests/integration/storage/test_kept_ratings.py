"""Loading only what changed gives what loading everything gives, byte for byte, or is not done at all."""

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from app.config import Settings
from app.errors import StoreUnavailableError
from app.services.backup import restore_backup, write_backup
from app.storage import kept_ratings
from app.storage.bulk import BulkWriter
from app.storage.engine import Store
from app.storage.item_changes import delete_item
from app.storage.kept_ratings import keep_ratings, load_kept, remove_outdated
from app.storage.rating_changes import read_moment
from app.storage.rating_table import RatingTable
from app.storage.ratings import Rating, delete_rating, erase_user
from app.storage.training_data import TrainingData, load_training_data
from app.storage.upserts import upsert_ratings

COLUMNS = ("user_keys", "item_keys", "values", "timestamps")


@pytest.fixture(autouse=True)
def _small_stores_keep_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_ratings, "FEWEST_KEPT", 1)
    monkeypatch.setattr(kept_ratings, "MOST_NOTED", 0.5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kept-ratings"


def rate(store: Store, *batch: Rating) -> None:
    with store.write() as connection:
        upsert_ratings(connection, batch, now=10**9)


def bulk(store: Store, batch: list[Rating]) -> None:
    with store.write() as connection:
        BulkWriter().write(connection, RatingTable.of(batch))


def load(store: Store, folder: Path | None = None) -> TrainingData:
    with store.read() as connection:
        return load_training_data(connection, folder)


def keep(store: Store, folder: Path, data: TrainingData) -> bool:
    assert data.moment is not None
    return keep_ratings(store, folder, tuple(getattr(data, name) for name in COLUMNS), data.moment)


def load_and_keep(store: Store, folder: Path) -> TrainingData:
    data = load(store, folder)
    assert keep(store, folder, data)
    return data


def is_known(store: Store, folder: Path) -> bool:
    """Whether only changes would be loaded."""
    with store.read() as connection:
        return load_kept(connection, folder, read_moment(connection)) is not None


def in_order(data: TrainingData) -> list[bytes]:
    order = np.lexsort((data.item_keys, data.user_keys))
    return [getattr(data, name)[order].tobytes() for name in COLUMNS]


def same(one: TrainingData, other: TrainingData) -> bool:
    types = [[getattr(data, name).dtype for name in COLUMNS] for data in (one, other)]
    return in_order(one) == in_order(other) and types[0] == types[1] and one.n_changes == other.n_changes


def some_ratings(rng: random.Random, n: int) -> list[Rating]:
    return [
        Rating(f"u{rng.randrange(30)}", f"i{rng.randrange(20)}", rng.choice([0.1, 1.0, 3.5, 5.0]), rng.randrange(10**6))
        for _ in range(n)
    ]


def change(store: Store, rng: random.Random) -> bool:
    """Do something to the ratings; say whether a user was erased."""
    match rng.randrange(8):
        case 0 | 1:
            rate(store, *some_ratings(rng, rng.randrange(1, 30)))
        case 2:
            bulk(store, some_ratings(rng, rng.randrange(1, 60)))
        case 3:
            rate(store, Rating(f"new{rng.random()}", f"new{rng.randrange(5)}", 2.0, None))
        case 4 | 5:
            for _ in range(rng.randrange(1, 8)):
                with store.write() as connection:
                    delete_rating(
                        connection, f"u{rng.randrange(30)}", f"i{rng.randrange(20)}", now=rng.randrange(10**7)
                    )
        case 6:
            with store.write() as connection:
                delete_item(connection, f"i{rng.randrange(20)}")
        case _:
            if rng.random() < 0.3:
                with store.write() as connection:
                    return erase_user(connection, f"u{rng.randrange(30)}", now=1) is not None
    return False


@pytest.mark.parametrize("seed", range(4))
def test_after_any_changes_it_is_what_the_store_holds(store, folder, seed):
    rng, n_known = random.Random(seed), 0
    bulk(store, some_ratings(rng, 400))
    load_and_keep(store, folder)
    for _ in range(12):
        is_erased = sum(change(store, rng) for _ in range(rng.randrange(4))) > 0
        assert not (is_erased and is_known(store, folder))
        n_known += is_known(store, folder)
        assert same(load_and_keep(store, folder), load(store))
    assert n_known >= 4


def test_a_change_that_nobody_counts_would_be_missed(store, folder):
    """The control: a kept load takes nothing but what it was told of from the store."""
    bulk(store, some_ratings(random.Random(0), 400))
    load_and_keep(store, folder)
    with store.write() as connection:
        connection.execute(text("UPDATE ratings SET value = 2.25"))
    assert is_known(store, folder)
    assert not same(load(store, folder), load(store))


def test_what_a_release_without_notes_writes_is_not_missed(store, folder):
    bulk(store, some_ratings(random.Random(0), 400))
    load_and_keep(store, folder)
    rate(store, Rating("u1", "i1", 4.0, None))
    with store.write() as connection:
        connection.execute(text("UPDATE ratings SET value = 2.25 WHERE user_key = 3"))
        connection.execute(text("UPDATE counters SET value = value + 1 WHERE name = 'ratings-7'"))
    assert not is_known(store, folder)
    assert same(load_and_keep(store, folder), load(store))
    assert is_known(store, folder)


def test_more_changes_than_are_worth_noting_are_not_noted(store, folder):
    bulk(store, some_ratings(random.Random(0), 400))
    n_ratings = len(load_and_keep(store, folder).values)
    bulk(store, [Rating(f"u{user}", f"i{item}", 1.25, 10**7) for user in range(30) for item in range(20)])
    with store.read() as connection:
        assert read_moment(connection).n_noted < n_ratings
    assert not is_known(store, folder)
    assert same(load(store, folder), load(store))


def damage(folder: Path) -> None:
    path = next(folder.glob("*/timestamps.npy"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def lose(folder: Path) -> None:
    next(folder.glob("*/manifest.json")).unlink()


@pytest.mark.parametrize("harm", [damage, lose])
def test_what_is_damaged_or_lost_is_loaded_again(store, folder, harm):
    bulk(store, some_ratings(random.Random(0), 400))
    load_and_keep(store, folder)
    rate(store, Rating("u1", "i1", 4.5, None))
    assert is_known(store, folder)
    harm(folder)
    assert not is_known(store, folder)
    assert same(load(store, folder), load(store))


def test_of_an_erased_user_nothing_is_kept(store, folder):
    bulk(store, some_ratings(random.Random(0), 400))
    before = load_and_keep(store, folder)
    rate(store, Rating("u1", "i1", 4.5, None))
    remove_outdated(store, folder)
    assert len(list(folder.iterdir())) == 1
    with store.write() as connection:
        assert erase_user(connection, "u1", now=5)
        assert connection.execute(text("SELECT count(*) FROM rating_changes")).scalar_one() == 0
    remove_outdated(store, folder)
    assert list(folder.iterdir()) == []
    assert not keep(store, folder, before), "a training that began before the erasure keeps nothing"
    assert not folder.exists()
    assert same(load_and_keep(store, folder), load(store))
    remove_outdated(store, folder)
    assert is_known(store, folder)


def test_nothing_lies_about_where_keeping_failed(store, folder, monkeypatch):
    bulk(store, some_ratings(random.Random(0), 400))
    data = load_and_keep(store, folder)

    def fail(*_: object, **__: object) -> bool:
        assert list(folder.glob(".unfinished-*"))
        raise StoreUnavailableError("the database has gone")

    monkeypatch.setattr(kept_ratings, "ask_for_notes", fail)
    with pytest.raises(StoreUnavailableError):
        keep(store, folder, data)
    assert not folder.exists()
    assert not is_known(store, folder)


@pytest.fixture
def other_store(store: Store, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Where nothing is yet, of the same kind."""
    if store.is_sqlite:
        yield Settings(database_url=f"sqlite:///{tmp_path / 'other' / 'foldin.db'}", data_dir=tmp_path / "other")
        return
    server = request.getfixturevalue("postgresql_server")
    url = server.create_database()
    yield Settings(database_url=url, data_dir=tmp_path / "other")
    server.drop_database(url)


@pytest.mark.parametrize("is_kept_before", [True, False])
def test_a_backup_that_is_restored_is_not_mixed_with_what_came_after_it(
    store, folder, other_store, tmp_path, is_kept_before
):
    settings = Settings(database_url=store.url.render_as_string(hide_password=False), data_dir=tmp_path)
    rng = random.Random(0)
    bulk(store, some_ratings(rng, 400))
    load_and_keep(store, folder)
    rate(store, *some_ratings(rng, 10))
    write_backup(store, settings, tmp_path / "backup", lambda *_: None)
    if not is_kept_before:
        rate(store, *some_ratings(rng, 10))
        load_and_keep(store, folder)
    restore_backup(other_store, tmp_path / "backup", lambda *_: None)
    restored = Store(other_store.store_url)
    for _ in range(12):  # as many changes as the kept ratings have seen, and more, but others
        assert is_known(restored, folder) is is_kept_before
        assert same(load(restored, folder), load(restored))
        rate(restored, Rating(f"u{rng.randrange(30)}", f"i{rng.randrange(20)}", rng.random(), None))
    restored.close()
    assert same(load(store, folder), load(store))


def test_nothing_is_missed_while_others_write(store, folder, database_url, monkeypatch):
    monkeypatch.setattr(kept_ratings, "MOST_NOTED", 1_000)  # however much they write meanwhile
    bulk(store, [Rating(f"u{user}", f"i{item}", 1.0, 1) for user in range(40) for item in range(30)])
    load_and_keep(store, folder)
    stop, failures, n_known = threading.Event(), [], 0

    def write(seed: int) -> None:
        own, rng = Store(database_url), random.Random(seed)
        try:
            while not stop.is_set():
                pair = f"u{rng.randrange(40)}", f"i{rng.randrange(30)}"
                if rng.random() < 0.2:
                    with own.write() as connection:
                        delete_rating(connection, *pair, now=10**10)
                else:
                    rate(own, Rating(*pair, rng.random(), None))
        except Exception as error:  # noqa: BLE001 - told by the test's own thread
            failures.append(error)
        own.close()

    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(2)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(10):
            n_known += is_known(store, folder)
            load_and_keep(store, folder)  # what it once missed would stay amiss
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert not failures
    assert n_known > 0
    assert same(load(store, folder), load(store))
