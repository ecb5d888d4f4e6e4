"""How far the import of a file came, kept in the transaction of its rows, so that a stopped one goes on right there."""

from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from app.storage.schema import import_progress

KEPT_MICROSECONDS = 30 * 86_400 * 1_000_000
"""After which a stopped import is forgotten, and begins anew."""


class Position(NamedTuple):
    """Rows of a file that are dealt with, refused ones among them, and about how many of its bytes they take."""

    n_lines: int = 0
    n_bytes: int = 0


def find_position(connection: Connection, fingerprint: str, *, now: int) -> Position:
    """Look up where an import was stopped.

    Parameters
    ----------
    connection : Connection
        To read from.
    fingerprint : str
        Of the file's content and how it is read.
    now : int
        The time in microseconds.

    Returns
    -------
    Position
        The beginning, when none was stopped lately.
    """
    columns = import_progress.c
    lately = (columns.fingerprint == fingerprint) & (columns.updated_at >= now - KEPT_MICROSECONDS)
    row = connection.execute(select(columns.n_lines, columns.n_bytes).where(lately)).one_or_none()
    return Position() if row is None else Position(*row)


def note_position(connection: Connection, fingerprint: str, position: Position, *, now: int) -> None:
    """Remember how far an import has come.

    Parameters
    ----------
    connection : Connection
        In the write transaction that stores the rows.
    fingerprint : str
        Of the file's content and how it is read.
    position : Position
        Behind those rows.
    now : int
        The time in microseconds.
    """
    values = {**position._asdict(), "updated_at": now}
    known = update(import_progress).where(import_progress.c.fingerprint == fingerprint).values(values)
    if not connection.execute(known).rowcount:
        connection.execute(delete(import_progress).where(import_progress.c.updated_at < now - KEPT_MICROSECONDS))
        connection.execute(insert(import_progress).values(fingerprint=fingerprint, **values))


def forget_position(connection: Connection, fingerprint: str) -> None:
    """Forget an import that has come to its end.

    Parameters
    ----------
    connection : Connection
        In a write transaction.
    fingerprint : str
        Of the file's content and how it is read.
    """
    connection.execute(delete(import_progress).where(import_progress.c.fingerprint == fingerprint))
