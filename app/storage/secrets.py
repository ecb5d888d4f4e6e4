"""The store's own random secrets: made by the migration, the same for every process, never shown to anyone."""

from sqlalchemy import Connection, select

from app.storage.schema import secrets


def read_secret(connection: Connection, name: str) -> bytes:
    """Read a secret.

    Parameters
    ----------
    connection : Connection
        To read from.
    name : str
        ``cursors`` or ``user-ids``.

    Returns
    -------
    bytes
        32 random bytes.
    """
    return bytes(connection.execute(select(secrets.c.value).where(secrets.c.name == name)).scalar_one())
