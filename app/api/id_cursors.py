"""Cursors of lists that are in the order of item ids: the last id, written so that it looks like any other cursor."""

import base64
import binascii

from app.errors import InvalidInputError
from app.services.policy import check_id


def write_cursor(item_id: str) -> str:
    """Write where a page ended.

    Parameters
    ----------
    item_id : str
        The last one.
    """
    return base64.urlsafe_b64encode(item_id.encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> str:
    """Read where a page ended.

    Parameters
    ----------
    cursor : str
        As it was given; empty for the beginning.

    Raises
    ------
    InvalidInputError
        If it is not one of ours.
    """
    if not cursor:
        return ""
    try:
        return check_id(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode())
    except (binascii.Error, UnicodeError, ValueError):
        raise InvalidInputError("use a cursor as it was given", [("/query/cursor", "is not one of ours")]) from None
