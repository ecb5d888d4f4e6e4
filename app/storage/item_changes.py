"""Changing the catalogue an item at a time, and searching it; reading it is in ``catalogue``."""

from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from app.storage.catalogue import CatalogueRow, next_revision, to_row
from app.storage.keys import ensure_keys, own_keys
from app.storage.rating_changes import note_changes
from app.storage.schema import deleted_items, items, ratings

_UPPER, _LOWER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
_TO_LOWER = str.maketrans(_UPPER, _LOWER)  # as SQLite does it; PostgreSQL's depends on its locale


def write_item(connection: Connection, item_id: str, values: dict[str, Any], *, create: bool) -> CatalogueRow | None:
    """Change an item.

    Parameters
    ----------
    connection : Connection
        In a write transaction.
    item_id : str
        Which.
    values : dict
        Columns of ``items``.
    create : bool
        Whether to make it when it is new.

    Returns
    -------
    CatalogueRow or None
        The item as it is now; None when there is none.
    """
    if create:
        ensure_keys(connection, items, {item_id})
    change = update(items).where(items.c.item_id == item_id).values(**values, revision=next_revision(connection))
    row = connection.execute(change.returning(*items.c)).one_or_none()
    return to_row(row) if row else None


def delete_item(connection: Connection, item_id: str) -> bool:
    """Delete an item and every rating of it, tombstones too; it reads all ratings.

    Its key is noted, since versions made before still have a vector for it, and no other item will ever get the key.

    Parameters
    ----------
    connection : Connection
        In a write transaction.
    item_id : str
        Which.

    Returns
    -------
    bool
        Whether there was one.
    """
    own_keys(connection)
    gone = delete(items).where(items.c.item_id == item_id).returning(items.c.item_key)
    item_key = connection.execute(gone).scalar_one_or_none()
    if item_key is None:
        return False
    connection.execute(insert(deleted_items).values(item_key=item_key, revision=next_revision(connection)))
    gone_ratings = delete(ratings).where(ratings.c.item_key == item_key).returning(ratings.c.user_key)
    user_keys = connection.execute(gone_ratings).scalars().all()
    note_changes(connection, len(user_keys), user_keys, [item_key] * len(user_keys))
    return True


def search_items(connection: Connection, text: str, *, after: str, limit: int) -> list[CatalogueRow]:
    """Find items by a part of their title.

    Parameters
    ----------
    connection : Connection
        To read from.
    text : str
        What the title must contain, the letters A to Z in either case; the empty string finds every item.
    after : str
        Only items with a greater id.
    limit : int
        How many at most.

    Returns
    -------
    list of CatalogueRow
        By item id.
    """
    listing = select(items).where(items.c.item_id > after).order_by(items.c.item_id).limit(limit)
    if text:
        is_sqlite = connection.dialect.name == "sqlite"
        lower = func.lower(items.c.title) if is_sqlite else func.translate(items.c.title, _UPPER, _LOWER)
        find = func.instr if is_sqlite else func.strpos
        listing = listing.where(find(lower, text.translate(_TO_LOWER)) > 0)
    return [to_row(row) for row in connection.execute(listing)]
