"""A store's whole content in one consistent state, out and in again, while others write.

SQLite copies its pages by its online backup; PostgreSQL its tables by binary COPY in one transaction. Model versions'
files are not part of it: see ``app.services.backup``.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pysqlite3
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from app.errors import StoreUnusableError
from app.storage.engine import Store, connect_sqlite
from app.storage.migrate import alembic_config
from app.storage.schema import metadata

_PAGES_A_STEP = 4_096
OnShare = Callable[[float], None]


def copy_sqlite(store: Store, target: Path, on_share: OnShare) -> None:
    """Copy a SQLite store into a new file.

    Parameters
    ----------
    store : Store
        The store; others may write meanwhile.
    target : Path
        A file that does not exist.
    on_share : callable
        Told how much is done, from 0 to 1.
    """

    def follow(_status: int, remaining: int, total: int) -> None:
        on_share(1 - remaining / total if total else 1.0)

    with store.read() as connection:
        raw: Any = connection.connection.dbapi_connection
        raw.execute("SELECT count(*) FROM publication").fetchall()  # from here on this connection sees one state
        copy = pysqlite3.connect(str(target))
        try:
            raw.backup(copy, pages=_PAGES_A_STEP, progress=follow)
            copy.execute("PRAGMA journal_mode=DELETE")
        finally:
            copy.close()


def place_sqlite(copied: Path, target: Path) -> None:
    """Make a copied file the store, whole or not at all.

    Parameters
    ----------
    copied : Path
        In the directory of the target.
    target : Path
        Where no store is yet.

    Raises
    ------
    StoreUnusableError
        If the copy is damaged.
    """
    connection = connect_sqlite(str(copied))
    try:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
    if verdict != "ok":
        raise StoreUnusableError(f"the backup's database is damaged: {verdict}")
    descriptor = os.open(copied, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    copied.rename(target)


def describe_tables(connection: Connection) -> dict[str, Any]:
    """Begin a consistent reading of PostgreSQL and say what a restoration needs to know.

    Parameters
    ----------
    connection : Connection
        Opened by ``Store.read`` and not used yet.

    Returns
    -------
    dict
        The schema's revision, each table's columns, and how far each table has numbered its rows.
    """
    connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    tables = {name: [column["name"] for column in inspect(connection).get_columns(name)] for name in metadata.tables}
    return {"revision": revision, "tables": tables, "sequences": _sequences(connection)}


def write_table(connection: Connection, table: str, columns: list[str], out: IO[bytes]) -> None:
    """Write a table's rows.

    Parameters
    ----------
    connection : Connection
        From ``describe_tables``.
    table : str
        Its name.
    columns : list of str
        In this order.
    out : binary file
        Where to.
    """
    raw: Any = connection.connection.dbapi_connection
    with raw.cursor() as cursor, cursor.copy(f"COPY {table} ({', '.join(columns)}) TO STDOUT (FORMAT BINARY)") as copy:
        for part in copy:
            out.write(part)


def read_tables(connection: Connection, described: dict[str, Any], opened: Callable[[str], IO[bytes]]) -> None:
    """Fill an empty PostgreSQL database.

    Parameters
    ----------
    connection : Connection
        In a write transaction; nothing is kept if it fails.
    described : dict
        From ``describe_tables``.
    opened : callable
        Opens what ``write_table`` wrote of a table.

    Raises
    ------
    StoreUnusableError
        If a store is there already, or the backup is of a later release.
    """
    if inspect(connection).has_table("alembic_version"):
        raise StoreUnusableError("a backup is restored into an empty database, and this one holds a store already")
    config = alembic_config(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if described["revision"] not in known:
        raise StoreUnusableError("the backup is of a later release of Foldin than this one")
    command.upgrade(config, described["revision"])
    raw: Any = connection.connection.dbapi_connection
    existing = set(inspect(connection).get_table_names())
    for table, columns in described["tables"].items():
        if table not in existing or not all(column.isidentifier() for column in columns):
            raise StoreUnusableError("the backup does not describe a store of Foldin")
        connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - one of the tables that exist
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
        with opened(table) as source, raw.cursor() as cursor, cursor.copy(statement) as copy:
            while part := source.read(1 << 20):
                copy.write(part)
    for table, (column, last, is_called) in described["sequences"].items():
        setval = text("SELECT setval(pg_get_serial_sequence(:table, :column), :last, :is_called)")
        connection.execute(setval, {"table": table, "column": column, "last": last, "is_called": is_called})


def _sequences(connection: Connection) -> dict[str, tuple[str, int, bool]]:
    # keys are never used a second time, so a restored store goes on where the numbering was, not at the largest key
    found = {}
    for name, table in metadata.tables.items():
        for column in table.primary_key.columns:
            sequence = connection.execute(
                text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": name, "column": column.name}
            ).scalar_one()
            if sequence:
                state = text(f"SELECT last_value, is_called FROM {sequence}")  # noqa: S608 - from the catalogue
                last, is_called = connection.execute(state).one()
                found[name] = (column.name, int(last), bool(is_called))
    return found
