"""Migrations go forward from every revision with what is stored, and wait for nobody for long."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import text

from app.errors import StoreBusyError, StoreUnusableError
from app.storage import migrate as migrating
from app.storage.engine import Store
from app.storage.migrate import MIGRATIONS, OLDEST_USABLE, alembic_config, check_migrated, migrate
from tests.postgres import Server

REVISIONS = sorted(script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions())
FILLED = (
    "INSERT INTO users (user_id) VALUES ('ann'), ('bob')",
    "INSERT INTO items (item_id, title) VALUES ('x', 'X'), ('y', NULL)",
    """INSERT INTO ratings SELECT user_key, item_key, 3.5, 7 FROM users, items""",
    "UPDATE counters SET value = 4 WHERE name = 'ratings-3'",
)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'old.db'}"
    else:
        yield from created(request.getfixturevalue("postgresql_server"))


@pytest.fixture
def empty_postgresql_url(postgresql_server: Server) -> Iterator[str]:
    yield from created(postgresql_server)


def created(server: Server) -> Iterator[str]:
    url = server.create_database()
    yield url
    server.drop_database(url)


def fill(url: str, revision: str) -> None:
    store = Store(url)
    with store.write() as connection:
        command.upgrade(alembic_config(connection), revision)
        for statement in FILLED:
            connection.execute(text(statement))
    store.close()


@pytest.mark.parametrize("revision", REVISIONS)
def test_what_an_older_release_stored_is_there_after_migrating(empty_url, revision):
    fill(empty_url, revision)
    migrate(empty_url)
    migrate(empty_url)
    store = Store(empty_url)
    with store.read() as connection:
        titles = connection.execute(text("SELECT item_id, title, hidden, attributes FROM items ORDER BY item_id")).all()
        n_ratings = connection.execute(text("SELECT count(*) FROM ratings WHERE value = 3.5")).scalar_one()
        keys = connection.execute(text("SELECT count(*) FROM secrets")).scalar_one()
    store.close()
    assert [row[:2] for row in titles] == [("x", "X"), ("y", None)]
    assert not any(row[2] for row in titles)
    assert (n_ratings, keys) == (4, 2)


def test_a_migration_gives_up_soon_when_a_table_is_held(empty_postgresql_url, monkeypatch):
    url = empty_postgresql_url
    fill(url, "0002")
    monkeypatch.setattr(migrating, "_LOCK_SECONDS", 1)
    store = Store(url)
    with store.read() as connection:
        connection.execute(text("SELECT * FROM items"))  # held until the end of the transaction
        with pytest.raises(StoreBusyError, match="lock timeout"):
            migrate(url)
    migrate(url)
    store.close()


def as_a_newer_release(url: str, *statements: str) -> None:
    store = Store(url)
    with store.write() as connection:
        for statement in statements:
            connection.execute(text(statement))
    store.close()


def test_what_a_newer_release_has_added_to_keeps_nobody_from_starting(empty_url):
    migrate(empty_url)
    as_a_newer_release(
        empty_url, "ALTER TABLE items ADD colour VARCHAR", "UPDATE alembic_version SET version_num = '9000'"
    )
    migrate(empty_url)
    store = Store(empty_url)
    check_migrated(store)
    store.close()


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (f"INSERT INTO counters (name, value) VALUES ('{OLDEST_USABLE}', 9000)", "install the newer release"),
        ("UPDATE alembic_version SET version_num = 'ae1027a6acf'", "something else than Foldin's store"),
    ],
)
def test_what_a_newer_release_took_something_from_or_is_no_store_of_ours_is_refused(empty_url, statement, reason):
    migrate(empty_url)
    as_a_newer_release(empty_url, "UPDATE alembic_version SET version_num = '9000'", statement)
    with pytest.raises(StoreUnusableError, match=reason):
        migrate(empty_url)
    store = Store(empty_url)
    with pytest.raises(StoreUnusableError, match=reason):
        check_migrated(store)
    store.close()
