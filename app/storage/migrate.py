"""Bringing a store to the schema of this release; many processes may ask for it at once, and it happens once."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from app.errors import StoreUnusableError
from app.storage.engine import Store

MIGRATIONS = Path(__file__).parents[2] / "migrations"
_LOCK_SECONDS = 10
_ADVISORY_LOCK = 0x466F6C64  # "Fold": the number that Foldin's migrations lock in PostgreSQL


def migrate(database_url: str) -> None:
    """Apply the migrations that a store lacks; harmless when there are none.

    Parameters
    ----------
    database_url : str
        The store.

    Raises
    ------
    StoreUnusableError
        If the address is wrong.
    StoreUnavailableError
        If the database does not answer.
    """
    store = Store(database_url)
    try:
        with store.write() as connection:  # on SQLite the transaction itself keeps other processes waiting
            if not store.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
                # A migration that waits for a long query would keep everybody else waiting behind it.
                connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'"))
            command.upgrade(alembic_config(connection), "head")
    finally:
        store.close()


def check_migrated(store: Store) -> None:
    """Make sure that a store has the schema of this release, and change nothing.

    Parameters
    ----------
    store : Store
        To look at.

    Raises
    ------
    StoreUnusableError
        If it has not, or is none of Foldin's.
    """
    with store.read() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
        wanted = ScriptDirectory.from_config(alembic_config(connection)).get_current_head()
    if found != wanted:
        state = "holds nothing of Foldin's yet" if found is None else f"has schema {found}, and this release {wanted}"
        raise StoreUnusableError(f"the store {state}; `foldin migrate` makes or changes it, and so does `foldin serve`")


def alembic_config(connection: Connection) -> Config:
    """Tell Alembic where the migrations lie and which connection to use.

    Parameters
    ----------
    connection : Connection
        In a transaction that the caller commits.

    Returns
    -------
    Config
        For the functions of ``alembic.command``.
    """
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
