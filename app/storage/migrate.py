"""Bringing a store to the schema of this release; many processes may ask for it at once, and it happens once."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, select, text

from app.errors import StoreUnusableError
from app.storage.engine import Store
from app.storage.schema import counters

MIGRATIONS = Path(__file__).parents[2] / "migrations"
_LOCK_SECONDS = 10
OLDEST_USABLE = "oldest-usable-schema"
"""The counter by which a migration that takes something away shuts out the releases that still need it."""

_ADVISORY_LOCK = 0x466F6C64  # "Fold": the number that Foldin's migrations lock in PostgreSQL


def migrate(database_url: str) -> None:
    """Apply the migrations that a store lacks; harmless when there are none, or when a newer release has been here.

    Parameters
    ----------
    database_url : str
        The store.

    Raises
    ------
    StoreUnusableError
        If the address is wrong, or a newer release has made the store unusable for this one.
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
            config = alembic_config(connection)
            if not _is_newer(connection, config):
                command.upgrade(config, "head")
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
        config = alembic_config(connection)
        found, wanted = _found_and_wanted(connection, config)
        if found == wanted or _is_newer(connection, config):
            return
    state = "holds nothing of Foldin's yet" if found is None else f"has schema {found}, and this release {wanted}"
    raise StoreUnusableError(f"the store {state}; `foldin migrate` makes or changes it, and so does `foldin serve`")


def _found_and_wanted(connection: Connection, config: Config) -> tuple[str | None, str]:
    head = ScriptDirectory.from_config(config).get_current_head()
    return MigrationContext.configure(connection).get_current_revision(), str(head)


def _is_newer(connection: Connection, config: Config) -> bool:
    # Newer releases add first and take away a release later, so what they have added is in nobody's way.
    found, wanted = _found_and_wanted(connection, config)
    if found is None or (found.isdecimal() and int(found) <= int(wanted)):
        return False
    if not found.isdecimal():
        raise StoreUnusableError(f"the database holds something else than Foldin's store (its schema is {found!r})")
    needed = connection.execute(select(counters.c.value).where(counters.c.name == OLDEST_USABLE)).scalar_one_or_none()
    if needed is not None and needed > int(wanted):
        raise StoreUnusableError(
            f"a newer release has changed the store to schema {found}, which releases before schema {needed:04} cannot "
            f"use, and this one has {wanted}; install the newer release, or restore a backup made before it"
        )
    return True


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
