"""A backup taken while others write is one state of the store, and a restoration brings exactly that back."""

import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, text

from app.config import Settings
from app.errors import InvalidInputError, StoreUnusableError
from app.services.backup import restore_backup, write_backup
from app.services.files.exporting import export_ratings
from app.services.files.import_files import import_ratings
from app.storage.engine import Store
from app.storage.migrate import migrate
from app.storage.rating_changes import n_rating_changes
from app.storage.ratings import Rating, delete_rating, erase_user
from app.storage.schema import metadata, users
from app.storage.upserts import upsert_ratings


def quiet(*_: object) -> None:
    return None


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    version = tmp_path / "data" / "models" / "3"
    version.mkdir(parents=True)
    (version / "item_factors.npy").write_bytes(b"vectors")
    (tmp_path / "data" / "models" / ".unfinished-x").mkdir()
    return Settings(database_url=database_url, data_dir=tmp_path / "data")


@pytest.fixture
def new_place(settings: Settings, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Where nothing is yet, of the same kind."""
    if settings.database_url.startswith("sqlite"):
        yield Settings(database_url=f"sqlite:///{tmp_path / 'new' / 'foldin.db'}", data_dir=tmp_path / "new")
    else:
        server = request.getfixturevalue("postgresql_server")
        url = server.create_database()
        yield Settings(database_url=url, data_dir=tmp_path / "new")
        server.drop_database(url)


def rate(store: Store, *batch: Rating) -> None:
    with store.write() as connection:
        upsert_ratings(connection, batch, now=1)


def content(settings: Settings) -> dict[str, list[tuple[str, ...]]]:
    store = Store(settings.store_url)
    with store.read() as connection:
        found = {
            name: sorted((tuple(map(str, row)) for row in connection.execute(select(table))), key=str)
            for name, table in metadata.tables.items()
        }
    store.close()
    return found


def test_what_is_restored_is_what_was_there(settings, new_place, tmp_path):
    store = Store(settings.store_url)
    rate(store, *(Rating(f"u{n % 100}", f"ï{n}", n % 5, n) for n in range(2_000)))
    with store.write() as connection:
        delete_rating(connection, "u1", "ï1", now=9)
        erase_user(connection, "u99", now=9)
        (last_key,) = connection.execute(text("SELECT max(user_key) FROM users")).one()
    steps: list[float] = []
    write_backup(store, settings, tmp_path / "b.zip", lambda _, share: steps.append(share))
    restore_backup(new_place, tmp_path / "b.zip", quiet)
    assert content(new_place) == content(settings)
    assert (new_place.models_dir / "3" / "item_factors.npy").read_bytes() == b"vectors"
    assert [path.name for path in new_place.models_dir.iterdir()] == ["3"]
    assert steps
    assert all(0 <= share <= 1 for share in steps)
    restored = Store(new_place.store_url)
    rate(restored, Rating("newcomer", "a", 1.0, 1))
    with restored.read() as connection:
        key = connection.execute(select(users.c.user_key).where(users.c.user_id == "newcomer")).scalar_one()
    assert key > last_key
    restored.close()
    store.close()


def test_a_backup_under_load_is_one_state(settings, new_place, tmp_path):
    store, stop = Store(settings.store_url), threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():  # each transaction gives every one of 20 users the same value
            rate(store, *(Rating(f"u{n}", "a", number % 5, number) for n in range(20)))
            number += 1

    rate(store, *(Rating(f"u{n}", f"i{n}", 1.0, 1) for n in range(3_000)))
    rate(store, *(Rating(f"u{n}", "a", 0.0, 0) for n in range(20)))
    writer = threading.Thread(target=write)
    writer.start()
    try:
        write_backup(store, settings, tmp_path / "b.zip", quiet)
    finally:
        stop.set()
        writer.join()
    restore_backup(new_place, tmp_path / "b.zip", quiet)
    restored = Store(new_place.store_url)
    with restored.read() as connection:
        query = "SELECT DISTINCT value, timestamp FROM ratings JOIN items USING (item_key) WHERE item_id = 'a'"
        assert len(connection.execute(text(query)).all()) == 1
        assert n_rating_changes(connection) >= 3_020
    restored.close()
    store.close()


def test_nothing_is_overwritten(settings, tmp_path):
    store = Store(settings.store_url)
    write_backup(store, settings, tmp_path / "b.zip", quiet)
    with pytest.raises(InvalidInputError, match="exists already"):
        write_backup(store, settings, tmp_path / "b.zip", quiet)
    with pytest.raises(StoreUnusableError):
        restore_backup(settings, tmp_path / "b.zip", quiet)
    store.close()


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b[:400] + b"\xff" + b[401:], lambda _: b""])
def test_a_damaged_backup_restores_nothing(settings, new_place, tmp_path, damage: Callable[[bytes], bytes]):
    store = Store(settings.store_url)
    rate(store, *(Rating(f"u{n}", "a", 1.0, 1) for n in range(500)))
    write_backup(store, settings, tmp_path / "b.zip", quiet)
    store.close()
    (tmp_path / "damaged.zip").write_bytes(damage((tmp_path / "b.zip").read_bytes()))
    with pytest.raises(InvalidInputError):
        restore_backup(new_place, tmp_path / "damaged.zip", quiet)
    restore_backup(new_place, tmp_path / "b.zip", quiet)
    assert content(new_place) == content(settings)


def test_names_in_a_backup_cannot_leave_the_directory(settings, new_place, tmp_path):
    store = Store(settings.store_url)
    write_backup(store, settings, tmp_path / "b.zip", quiet)
    store.close()
    with zipfile.ZipFile(tmp_path / "b.zip", "a") as archive:
        for name in ("models/1/../../../evil", "/evil", "models/x/evil", "models/1/.evil"):
            archive.writestr(name, "x")
    restore_backup(new_place, tmp_path / "b.zip", quiet)
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_export_and_import_give_the_same_ratings(settings, tmp_path, ending):
    store = Store(settings.store_url)
    rate(
        store,
        Rating('a "b", c', "é;x", 2.5, 1_700_000_000_123_456),
        Rating("u", "v", 5.0, 0),
        Rating("007", "1", 0.1, 10**6),
    )
    assert export_ratings(store, tmp_path / f"r.{ending}", quiet) == 3
    url = f"sqlite:///{tmp_path / 'other.db'}"
    migrate(url)
    other = Store(url)
    import_ratings(other, settings, [tmp_path / f"r.{ending}"])
    listing = (
        "SELECT user_id, item_id, value, timestamp FROM ratings JOIN users USING (user_key) JOIN items USING (item_key)"
    )
    with store.read() as one, other.read() as two:
        rows = sorted(map(tuple, one.execute(text(listing))))
        assert rows == sorted(map(tuple, two.execute(text(listing))))
    assert len(rows) == 3
    store.close()
    other.close()
