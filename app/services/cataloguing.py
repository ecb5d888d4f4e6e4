"""The catalogue: what items are called, what they belong to, and when they may be recommended.

A change is durable when the call returns, and every process answers by it within two seconds (see ``refreshing``).
"""

from dataclasses import dataclass
from typing import Any

from app.errors import NotFoundError
from app.storage import catalogue, item_changes
from app.storage.catalogue import CatalogueRow
from app.storage.engine import Store
from app.storage.group_writer import GroupWriter

_MISSING = "there is no item with this id"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Reads and changes items.

    Attributes
    ----------
    store : Store
        To read from.
    writer : GroupWriter
        To write through.
    """

    store: Store
    writer: GroupWriter

    async def put(self, item_id: str, values: dict[str, Any]) -> CatalogueRow:
        """Make an item, or say anew what it is.

        Parameters
        ----------
        item_id : str
            Which.
        values : dict
            All columns that can be given.

        Returns
        -------
        CatalogueRow
            The item as it is now.

        Raises
        ------
        NotFoundError
            Never: it is made.
        """
        return await self._write(item_id, values, create=True)

    async def change(self, item_id: str, values: dict[str, Any]) -> CatalogueRow:
        """Change some of what is said of an item.

        Parameters
        ----------
        item_id : str
            Which.
        values : dict
            The columns to change.

        Returns
        -------
        CatalogueRow
            The item as it is now.

        Raises
        ------
        NotFoundError
            If there is none.
        """
        return await self._write(item_id, values, create=False)

    async def delete(self, item_id: str) -> None:
        """Delete an item and every rating of it.

        Parameters
        ----------
        item_id : str
            Which.

        Raises
        ------
        NotFoundError
            If there is none.
        """
        if not await self.writer.write(lambda connection: item_changes.delete_item(connection, item_id)):
            raise NotFoundError(_MISSING)

    def find(self, item_id: str) -> CatalogueRow:
        """Read an item.

        Parameters
        ----------
        item_id : str
            Which.

        Returns
        -------
        CatalogueRow
            As it is stored now.

        Raises
        ------
        NotFoundError
            If there is none.
        """
        with self.store.read() as connection:
            row = catalogue.find_item(connection, item_id)
        if row is None:
            raise NotFoundError(_MISSING)
        return row

    def search(self, text: str, *, after: str, limit: int) -> list[CatalogueRow]:
        """Find items by a part of their title.

        Parameters
        ----------
        text : str
            In either case; the empty string finds every item.
        after : str
            Only items with a greater id.
        limit : int
            How many at most.

        Returns
        -------
        list of CatalogueRow
            By item id.
        """
        with self.store.read() as connection:
            return item_changes.search_items(connection, text, after=after, limit=limit)

    async def _write(self, item_id: str, values: dict[str, Any], *, create: bool) -> CatalogueRow:
        row = await self.writer.write(
            lambda connection: item_changes.write_item(connection, item_id, values, create=create)
        )
        if row is None:
            raise NotFoundError(_MISSING)
        return row
