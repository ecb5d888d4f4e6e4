"""What is popular while there is no model yet: counted in the store, and remembered for a moment."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from time import monotonic

import numpy as np

from app.services.clock import now_microseconds
from app.services.questions.answers import Answer, AnsweredItem, ExplainedItem, RecommendationQuery
from app.services.questions.paging import Cursor, seal
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

    async def most_popular(
        self, query: RecommendationQuery, out: Collection[int], *, secret: bytes | None, user_id: str | None = None
    ) -> Answer:
        """List the most rated items.

        Parameters
        ----------
        query : RecommendationQuery
            How many, of which categories, and which not.
        out : collection of int
            Keys of items that must not come: rated ones, and those of the pages before.
        secret : bytes or None
            What the next page's cursor is sealed with.
        user_id : str, optional
            Who asked.

        Returns
        -------
        Answer
            Scores are numbers of ratings.
        """
        async with self._lock:  # many requests wait for one count
            if monotonic() - self._read_at > _REMEMBERED_SECONDS:
                self._counts = await asyncio.to_thread(self._read)
                self._read_at = monotonic()
        wanted, unwanted, now = frozenset(query.categories), frozenset(query.exclude), now_microseconds()
        left = (
            (row, number)
            for row, number in self._counts
            if row.item_key not in out
            and row.is_available(now)
            and row.item_id not in unwanted
            and not (wanted and wanted.isdisjoint(row.categories))
        )
        found = [pair for pair, _ in zip(left, range(query.n + 1), strict=False)]
        items = [_described(row, number, query) for row, number in found[: query.n]]
        if len(found) == len(items) or secret is None:
            return Answer(items, "popular", None)
        header: dict[str, object] = {"version": None, "user_id": user_id, "n": query.n}
        header |= {"categories": query.categories, "exclude": query.exclude, "explain_limit": query.explain_limit}
        keys = np.array([*out, *(row.item_key for row, _ in found[: query.n])], np.intp)
        cursor = Cursor(header, np.empty((0, 0), np.float32), keys)
        return Answer(items, "popular", None, next_cursor=seal(cursor, secret))

    def _read(self) -> list[tuple[CatalogueRow, int]]:
        with self.store.read() as connection:
            return count_ratings_by_item(connection)


def _described(row: CatalogueRow, number: int, query: RecommendationQuery) -> AnsweredItem:
    score = float(number)
    if query.explain_limit is None:
        return AnsweredItem(row.item_id, score, row.title, cold=False)
    return ExplainedItem(row.item_id, score, row.title, False, [], 0.0, score, 0.0)
