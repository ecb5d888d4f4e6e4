"""The items that the service knows: titles, categories, and whether they are hidden."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, func, select, update

from app.storage.keys import ensure_keys
from app.storage.schema import HAS_DATES, counters, deleted_items, items, ratings


class Item(NamedTuple):
    """An item as it arrives from outside."""

    item_id: str
    title: str | None
    categories: Sequence[str]


@dataclass(frozen=True, slots=True)
class CatalogueRow:
    """An item as it is stored; ``revision`` numbers the catalogue's changes, times are in microseconds."""

    item_key: int
    item_id: str
    title: str | None
    categories: list[str]
    hidden: bool
    revision: int
    available_from: int | None
    available_until: int | None
    attributes: dict[str, Any]

    def is_available(self, now: int) -> bool:
        """Say whether the item's dates let it be recommended.

        Parameters
        ----------
        now : int
            Microseconds.

        Returns
        -------
        bool
            From ``available_from`` on, and until just before ``available_until``.
        """
        has_begun = self.available_from is None or self.available_from <= now
        return has_begun and (self.available_until is None or now < self.available_until)


_COLUMNS = tuple(field.name for field in fields(CatalogueRow))


def upsert_items(connection: Connection, batch: Sequence[Item]) -> int:
    """Write titles and categories, making the items that are new.

    Parameters
    ----------
    connection : Connection
        In a write transaction.
    batch : sequence of Item
        Of one that is named twice, the later counts.

    Returns
    -------
    int
        How many items were written.
    """
    newest = {item.item_id: item for item in batch}
    if not newest:
        return 0
    keys = ensure_keys(connection, items, newest.keys())
    revision = next_revision(connection)
    change = update(items).where(items.c.item_key == bindparam("key")).values(revision=revision)
    change = change.values(title=bindparam("new_title"), categories=bindparam("new_categories"))
    rows = [
        {"key": keys[item_id], "new_title": item.title, "new_categories": list(item.categories)}
        for item_id, item in newest.items()
    ]
    connection.execute(change, rows)
    return len(rows)


def next_revision(connection: Connection) -> int:
    """Count a change of the catalogue; others wait with theirs until it is committed.

    Parameters
    ----------
    connection : Connection
        In a write transaction.

    Returns
    -------
    int
        The revision to write into the changed rows.
    """
    advance = update(counters).where(counters.c.name == "catalogue").values(value=counters.c.value + 1)
    return int(connection.execute(advance.returning(counters.c.value)).scalar_one())


def catalogue_revision(connection: Connection) -> int:
    """Say how often the catalogue has changed.

    Parameters
    ----------
    connection : Connection
        To read from.

    Returns
    -------
    int
        Grows with every committed change.
    """
    return int(connection.execute(select(counters.c.value).where(counters.c.name == "catalogue")).scalar_one())


def changed_items(connection: Connection, since_revision: int) -> list[CatalogueRow]:
    """Read the items that changed after a revision.

    Parameters
    ----------
    connection : Connection
        To read from.
    since_revision : int
        What the caller has seen.

    Returns
    -------
    list of CatalogueRow
        In no order.
    """
    found = connection.execute(select(items).where(items.c.revision > since_revision))
    return [to_row(row) for row in found]


def dated_items(connection: Connection) -> list[CatalogueRow]:
    """Read the items that are available only from or until some time.

    Parameters
    ----------
    connection : Connection
        To read from.

    Returns
    -------
    list of CatalogueRow
        In no order.
    """
    return [to_row(row) for row in connection.execute(select(items).where(HAS_DATES))]


def deleted_items_since(connection: Connection, since_revision: int) -> list[int]:
    """Read which items were deleted after a revision.

    Parameters
    ----------
    connection : Connection
        To read from.
    since_revision : int
        What the caller has seen.

    Returns
    -------
    list of int
        Their keys.
    """
    found = select(deleted_items.c.item_key).where(deleted_items.c.revision > since_revision)
    return list(connection.execute(found).scalars())


def items_by_key(connection: Connection) -> list[CatalogueRow]:
    """Read every item.

    Parameters
    ----------
    connection : Connection
        To read from.

    Returns
    -------
    list of CatalogueRow
        In the order of the ids' bytes.
    """
    return [to_row(row) for row in connection.execute(select(items).order_by(items.c.item_id))]


def find_item(connection: Connection, item_id: str) -> CatalogueRow | None:
    """Read one item.

    Parameters
    ----------
    connection : Connection
        To read from.
    item_id : str
        Which.

    Returns
    -------
    CatalogueRow or None
        None when there is none.
    """
    row = connection.execute(select(items).where(items.c.item_id == item_id)).one_or_none()
    return to_row(row) if row else None


def count_ratings_by_item(connection: Connection) -> list[tuple[CatalogueRow, int]]:
    """Read the visible items with the number of their ratings; it reads all ratings.

    Parameters
    ----------
    connection : Connection
        To read from.

    Returns
    -------
    list of (CatalogueRow, int)
        The most rated first, ties by item id.
    """
    n_ratings = func.count(ratings.c.value).label("n_ratings")
    counts = select(ratings.c.item_key, n_ratings).group_by(ratings.c.item_key).subquery()
    number = func.coalesce(counts.c.n_ratings, 0)
    listing = (
        select(items, number.label("number"))
        .join_from(items, counts, counts.c.item_key == items.c.item_key, isouter=True)
        .where(~items.c.hidden)
        .order_by(number.desc(), items.c.item_id)
    )
    return [(to_row(row), row.number) for row in connection.execute(listing)]


def to_row(row: Any) -> CatalogueRow:
    """Read a row of the items' table.

    Parameters
    ----------
    row : sqlalchemy.Row
        With all columns of ``items``.

    Returns
    -------
    CatalogueRow
        The item.
    """
    columns = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
    return CatalogueRow(**{name: columns[name] for name in _COLUMNS})
