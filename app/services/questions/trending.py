"""What many people rate these days, and what is new."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from app.factorization.top_n import best_of
from app.services.clock import now_microseconds
from app.services.questions.answer_threads import AnswerThreads
from app.services.questions.answers import Answer, AnsweredItem, RecommendationQuery
from app.services.questions.explaining import named
from app.services.questions.popularity import StorePopularity
from app.serving.live import LiveModel
from app.serving.snapshot import Snapshot
from app.storage.activity import latest_items, recent_ratings
from app.storage.engine import Store

HALF_LIFE_DAYS = 7
_HALF_LIFE = HALF_LIFE_DAYS * 86_400_000_000
_LEAST_REMEMBERED_SECONDS = 5.0
_REST_PER_WORK = 20.0
_AT_ONCE = 500


@dataclass(slots=True)
class Trending:
    """Lists what is rated most lately.

    A rating counts half after seven days. The count goes over all ratings, so it is remembered for twenty times as long
    as it took, and for five seconds at least.

    Attributes
    ----------
    live : LiveModel
        What is served: its items are listed.
    store : Store
        Where ratings are counted.
    popularity : StorePopularity
        What is answered while there is no model.
    threads : AnswerThreads
        Where answers are computed.
    """

    live: LiveModel
    store: Store
    popularity: StorePopularity
    threads: AnswerThreads = field(default_factory=AnswerThreads)
    _counts: tuple[NDArray[np.int64], NDArray[np.float64]] = field(default=(np.empty(0, np.int64), np.empty(0)))
    _again_at: float = float("-inf")
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def trending(self, *, n: int, categories: Sequence[str] = ()) -> Answer:
        """List the items that are rated most lately.

        Parameters
        ----------
        n : int
            How many.
        categories : sequence of str
            An item must be in one of them, when any are named.

        Returns
        -------
        Answer
            Scores are numbers of ratings, each counted 2^(−age / 7 days); ages are measured from the newest rating.
        """
        snapshot = self.live.current
        if snapshot is None:
            return await self.popularity.most_popular(RecommendationQuery(n, categories=categories), (), secret=None)
        async with self._lock:  # many requests wait for one count
            if monotonic() > self._again_at:
                await asyncio.to_thread(self._count)
        return await self.threads.run(snapshot, lambda: self._listed(snapshot, n, categories))

    def _listed(self, snapshot: Snapshot, n: int, categories: Sequence[str]) -> Answer:
        item_keys, weights = self._counts
        indices = snapshot.from_keys(item_keys)
        scores = np.zeros(len(snapshot.hidden), np.float32)
        scores[indices[indices >= 0]] = weights[indices >= 0]
        best = best_of(scores, n, snapshot.excluded(categories))
        return Answer(named(snapshot, *best), "popular", snapshot.model.version)

    def _count(self) -> None:
        started = monotonic()
        with self.store.read() as connection:
            self._counts = recent_ratings(connection, _HALF_LIFE)
        self._again_at = monotonic() + max(_LEAST_REMEMBERED_SECONDS, _REST_PER_WORK * (monotonic() - started))

    def latest(self, *, n: int, categories: Sequence[str] = ()) -> list[AnsweredItem]:
        """List the items that were added last.

        Parameters
        ----------
        n : int
            How many.
        categories : sequence of str
            An item must be in one of them, when any are named.

        Returns
        -------
        list of AnsweredItem
            The newest first, without scores.
        """
        wanted, now, before = frozenset(categories), now_microseconds(), None
        found: list[AnsweredItem] = []
        with self.store.read() as connection:
            while len(found) < n:
                rows = latest_items(connection, before=before, limit=_AT_ONCE)
                found += [
                    AnsweredItem(row.item_id, None, row.title, cold=False)
                    for row in rows
                    if row.is_available(now) and not (wanted and wanted.isdisjoint(row.categories))
                ]
                if len(rows) < _AT_ONCE:
                    break
                before = rows[-1].item_key
        return found[:n]
