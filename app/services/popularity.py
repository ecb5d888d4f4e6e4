"""What is popular while there is no model yet: counted in the store, and remembered for a moment."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from time import monotonic

from app.services.answers import AnsweredItem, RecommendationQuery
from app.storage.catalogue import CatalogueRow, count_ratings_by_item
from app.storage.engine import Store

_REMEMBERED_SECONDS = 1.0


@dataclass(slots=True)
class StorePopularity:
    """Lists the most rated items from the store.

    Attributes
    ----------
    store : Store
        Where ratings are counted.
    """

    store: Store
    _counts: list[tuple[CatalogueRow, int]] = field(default_factory=list)
    _read_at: float = float("-inf")
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def most_popular(self, query: RecommendationQuery, rated: Collection[int]) -> list[AnsweredItem]:
        """List the most rated items.

        Parameters
        ----------
        query : RecommendationQuery
            How many, of which categories, and which not.
        rated : collection of int
            Keys of items that must not come.

        Returns
        -------
        list of AnsweredItem
            Scores are numbers of ratings.
        """
        async with self._lock:  # many requests wait for one count
            if monotonic() - self._read_at > _REMEMBERED_SECONDS:
                self._counts = await asyncio.to_thread(self._read)
                self._read_at = monotonic()
        wanted, unwanted = frozenset(query.categories), frozenset(query.exclude)
        left = (
            AnsweredItem(row.item_id, float(number), row.title)
            for row, number in self._counts
            if row.item_key not in rated
            and row.item_id not in unwanted
            and not (wanted and wanted.isdisjoint(row.categories))
        )
        return [item for item, _ in zip(left, range(query.n), strict=False)]

    def _read(self) -> list[tuple[CatalogueRow, int]]:
        with self.store.read() as connection:
            return count_ratings_by_item(connection)
