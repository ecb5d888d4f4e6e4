"""API keys by their SHA-256: made, listed, revoked. The keys themselves are stored nowhere."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, insert, select, update

from app.storage.schema import api_keys

KeyScope = Literal["read", "write", "admin"]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key that was made.

    Attributes
    ----------
    id : int
        What it is revoked by.
    digest : bytes
        Its SHA-256.
    scope : str
        What it may do.
    created_at : int
        In microseconds.
    revoked_at : int or None
        In microseconds; None while it is good.
    """

    id: int
    digest: bytes
    scope: KeyScope
    created_at: int
    revoked_at: int | None


def add_key(connection: Connection, digest: bytes, scope: KeyScope, *, now: int) -> int:
    """Add a key.

    Parameters
    ----------
    connection : Connection
        In a write transaction.
    digest : bytes
        Its SHA-256.
    scope : str
        What it may do.
    now : int
        In microseconds.

    Returns
    -------
    int
        Its id.
    """
    added = insert(api_keys).values(digest=digest, scope=scope, created_at=now).returning(api_keys.c.id)
    return int(connection.execute(added).scalar_one())


def read_keys(connection: Connection) -> list[ApiKey]:
    """Read every key that was ever made.

    Parameters
    ----------
    connection : Connection
        To read from.

    Returns
    -------
    list of ApiKey
        The oldest first, revoked ones too.
    """
    return [ApiKey(**row._mapping) for row in connection.execute(select(api_keys).order_by(api_keys.c.id))]  # noqa: SLF001 - SQLAlchemy's public name


def revoke_key(connection: Connection, key_id: int, *, now: int) -> bool:
    """Revoke a key.

    Parameters
    ----------
    connection : Connection
        In a write transaction.
    key_id : int
        Which.
    now : int
        In microseconds.

    Returns
    -------
    bool
        Whether there was such a key, not yet revoked.
    """
    revoked = update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None)).values(revoked_at=now)
    return connection.execute(revoked).rowcount == 1
