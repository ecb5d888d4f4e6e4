"""The keys that open the service: made here, shown once, and known by their SHA-256 from then on."""

import hashlib
import secrets

from app.config import Settings
from app.errors import NotFoundError
from app.services.clock import now_microseconds
from app.storage import api_keys
from app.storage.api_keys import ApiKey, KeyScope
from app.storage.engine import Store

_KEY_BYTES = 32


def digest_of(key: str) -> bytes:
    """Say how a key is known.

    Parameters
    ----------
    key : str
        Of at least 32 random characters, so that a plain hash of it cannot be guessed.

    Returns
    -------
    bytes
        Its SHA-256.
    """
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()


def create_key(store: Store, scope: KeyScope) -> tuple[int, str]:
    """Make a key.

    Parameters
    ----------
    store : Store
        Keeps its digest.
    scope : str
        What it may do.

    Returns
    -------
    key_id : int
        What it is revoked by.
    key : str
        Never to be seen again.
    """
    key = secrets.token_urlsafe(_KEY_BYTES)
    with store.write() as connection:
        return api_keys.add_key(connection, digest_of(key), scope, now=now_microseconds()), key


def list_keys(store: Store) -> list[ApiKey]:
    """List every key that was ever made in a store.

    Parameters
    ----------
    store : Store
        To read from.

    Returns
    -------
    list of ApiKey
        The oldest first, revoked ones too.
    """
    with store.read() as connection:
        return api_keys.read_keys(connection)


def revoke_key(store: Store, key_id: int) -> None:
    """Revoke a key; every process refuses it within a second.

    Parameters
    ----------
    store : Store
        To write to.
    key_id : int
        Which.

    Raises
    ------
    NotFoundError
        If there is none, or it is revoked already.
    """
    with store.write() as connection:
        if not api_keys.revoke_key(connection, key_id, now=now_microseconds()):
            raise NotFoundError(f"there is no key {key_id} that could be revoked; see foldin keys list")


def given_keys(settings: Settings) -> dict[bytes, str]:
    """Read the keys that the environment or a file gives.

    Parameters
    ----------
    settings : Settings
        With ``api_keys`` or ``api_keys_file``.

    Returns
    -------
    dict of bytes to str
        Scopes by digest.
    """
    return {digest_of(key): scope for scope, key in settings.read_api_keys()}
