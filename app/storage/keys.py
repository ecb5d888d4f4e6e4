"""From outside ids to the integers inside: the dictionaries of users and items."""

from collections.abc import Set as AbstractSet
from typing import Any

import orjson
from sqlalchemy import Connection, CursorResult, Table, select

_FIND = {
    "sqlite": "SELECT {id}, {key} FROM {table} WHERE {id} IN (SELECT value FROM json_each(?))",
    # The lock keeps an erasure waiting until the ratings that point to the row are committed, and then it erases them.
    "postgresql": "SELECT {id}, {key} FROM {table} WHERE {id} = ANY(%s) ORDER BY {id} FOR KEY SHARE",
}
_ADD = {
    "sqlite": "INSERT INTO {table} ({id}) SELECT value FROM json_each(?) WHERE true ON CONFLICT DO NOTHING",
    "postgresql": "INSERT INTO {table} ({id}) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING",
}


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
    keys = _find_keys(connection, table, ids)
    while missing := ids - keys.keys():  # a second time only when an erasure ran in between
        _run(connection, _ADD, table, missing)
        keys |= _find_keys(connection, table, missing)
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


def _find_keys(connection: Connection, table: Table, ids: AbstractSet[str]) -> dict[str, int]:
    return {str(row[0]): int(row[1]) for row in _run(connection, _FIND, table, ids).all()}


def _run(
    connection: Connection, statements: dict[str, str], table: Table, ids: AbstractSet[str]
) -> CursorResult[*tuple[Any, ...]]:
    dialect = connection.dialect.name
    statement = statements[dialect].format(table=table.name, key=table.columns[0].name, id=table.columns[1].name)
    ordered = sorted(ids)  # one order for everybody, so that no two writers deadlock
    return connection.exec_driver_sql(
        statement, (orjson.dumps(ordered).decode(),) if dialect == "sqlite" else (ordered,)
    )
