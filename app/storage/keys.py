"""From outside ids to the integers inside: the dictionaries of users and items.

Ratings point to users and items without foreign keys, so a row of these dictionaries must not go while somebody writes
a rating that points to it. SQLite has one writer at a time; on PostgreSQL writers share a lock that an erasure takes
alone. (Locking each row instead would write it anew for every rating.)
"""

from collections.abc import Set as AbstractSet
from typing import Any

import orjson
from sqlalchemy import Connection, CursorResult, Table, select

_KEYS_LOCK = 0x4B657973  # "Keys": the number of that lock in PostgreSQL
_FIND = {
    "sqlite": "SELECT {id}, {key} FROM {table} WHERE {id} IN (SELECT value FROM json_each(?))",
    "postgresql": "SELECT {id}, {key} FROM {table} WHERE {id} = ANY(%s::text[])",
}
_ADD = {
    "sqlite": "INSERT INTO {table} ({id}) SELECT value FROM json_each(?) WHERE true ON CONFLICT DO NOTHING",
    "postgresql": "INSERT INTO {table} ({id}) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING",
}


def share_keys(connection: Connection) -> None:
    """Keep users and items from being deleted until the end of the transaction.

    Parameters
    ----------
    connection : Connection
        In a write transaction that has not written yet.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock_shared({_KEYS_LOCK})")


def own_keys(connection: Connection) -> None:
    """Wait until nobody writes ratings, and let nobody begin until the end of the transaction.

    Parameters
    ----------
    connection : Connection
        In a write transaction that has not written yet; it may then delete users and items.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_KEYS_LOCK})")


def ensure_keys(connection: Connection, table: Table, ids: AbstractSet[str]) -> dict[str, int]:
    """Look up ids, adding a row for each that is new.

    Parameters
    ----------
    connection : Connection
        In a write transaction.
    table : Table
        ``users`` or ``items``.
    ids : set of str
        Outside ids.

    Returns
    -------
    dict of str to int
        The key of each id.
    """
    share_keys(connection)
    keys = _find_keys(connection, table, list(ids))
    if missing := ids - keys.keys():
        ordered = sorted(missing)  # one order for everybody, so that no two writers deadlock
        _run(connection, _ADD, table, ordered)
        keys |= _find_keys(connection, table, ordered)
    return keys


def key_of(connection: Connection, table: Table, outside_id: str) -> int | None:
    """Look up one id.

    Parameters
    ----------
    connection : Connection
        To read from.
    table : Table
        ``users`` or ``items``.
    outside_id : str
        The id.

    Returns
    -------
    int or None
        Its key; None when it is unknown.
    """
    key, outside = table.columns[0], table.columns[1]
    found: int | None = connection.execute(select(key).where(outside == outside_id)).scalar_one_or_none()
    return found


def ids_of(connection: Connection, table: Table, keys: list[int]) -> dict[int, str]:
    """Look up keys.

    Parameters
    ----------
    connection : Connection
        To read from.
    table : Table
        ``users`` or ``items``.
    keys : list of int
        What the store calls them inside.

    Returns
    -------
    dict of int to str
        The outside id of each key that exists.
    """
    key, outside = table.columns[0], table.columns[1]
    return {row[0]: row[1] for row in connection.execute(select(key, outside).where(key.in_(keys)))}


def read_ids(connection: Connection, table: Table) -> dict[int, str]:
    """Read a whole dictionary.

    Parameters
    ----------
    connection : Connection
        To read from.
    table : Table
        ``users`` or ``items``.

    Returns
    -------
    dict of int to str
        The outside id of each key.
    """
    cursor: Any = connection.execute(select(table.columns[0], table.columns[1])).cursor
    return dict(cursor.fetchall())


def array_literal(values: list[Any]) -> str | list[Any]:
    """Write strings or numbers as PostgreSQL writes arrays, which costs a tenth of handing the driver a list.

    Parameters
    ----------
    values : list of str, int or float
        Without None.

    Returns
    -------
    str or list
        An argument for ``%s::type[]``; the list itself where JSON and PostgreSQL would escape differently.
    """
    text = orjson.dumps(values)
    return values if b"\\" in text else "{" + text[1:-1].decode() + "}"


def _find_keys(connection: Connection, table: Table, ids: list[str]) -> dict[str, int]:
    cursor: Any = _run(connection, _FIND, table, ids).cursor
    return dict(cursor.fetchall())


def _run(
    connection: Connection, statements: dict[str, str], table: Table, ids: list[str]
) -> CursorResult[*tuple[Any, ...]]:
    dialect = connection.dialect.name
    statement = statements[dialect].format(table=table.name, key=table.columns[0].name, id=table.columns[1].name)
    return connection.exec_driver_sql(
        statement, (orjson.dumps(ids).decode(),) if dialect == "sqlite" else (array_literal(ids),)
    )
