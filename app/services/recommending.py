"""Recommendations and similar items: what the service answers, computed from the ratings as they are now."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.errors import NotFoundError, StoreUnavailableError
from app.factorization import similar_items, top_n
from app.services.answers import Answer, AnsweredItem, RecommendationQuery
from app.services.popularity import StorePopularity
from app.serving.live import LiveModel, Snapshot
from app.storage.user_ratings import UserRatings, UserRatingsReader


@dataclass(frozen=True, slots=True)
class Recommender:
    """Answers questions from the live model and the store.

    Attributes
    ----------
    live : LiveModel
        What is served; each question takes its snapshot once.
    reader : UserRatingsReader
        The ratings of one user, as they are committed now.
    popularity : StorePopularity
        What is popular while there is no model.
    rating_min, rating_max : float
        The rating scale.
    """

    live: LiveModel
    reader: UserRatingsReader
    popularity: StorePopularity
    rating_min: float
    rating_max: float
    _nothing: UserRatings = field(default=(np.empty(0, np.int64), np.empty(0, np.float64)), init=False)

    async def recommend(self, user_id: str, query: RecommendationQuery) -> Answer:
        """Find what a user should see next.

        Parameters
        ----------
        user_id : str
            Anyone; a user without ratings gets what is popular.
        query : RecommendationQuery
            What is asked for.

        Returns
        -------
        Answer
            ``degraded`` when the ratings could not be read.

        Raises
        ------
        StoreUnavailableError
            If neither the store nor a model is there to answer from.
        """
        snapshot = self.live.current
        degraded = False
        try:
            item_keys, values = await self.reader.read(user_id)
        except StoreUnavailableError:
            if snapshot is None:
                raise
            degraded = True
            item_keys, values = self._nothing
        if snapshot is None:
            rated = set(item_keys.tolist()) if query.exclude_rated else set()
            return Answer(await self.popularity.most_popular(query, rated), "popular", None)
        return self._answer(snapshot, item_keys, values, query, degraded=degraded)

    def _answer(
        self,
        snapshot: Snapshot,
        item_keys: NDArray[np.int64],
        values: NDArray[np.float64],
        query: RecommendationQuery,
        *,
        degraded: bool,
    ) -> Answer:
        model = snapshot.model
        indices = model.items.indices_of(item_keys)
        is_known = indices >= 0
        order = np.argsort(indices[is_known])
        rated = indices[is_known][order]
        excluded = snapshot.excluded(query.categories)
        if query.exclude_rated:
            excluded[rated] = True
        exclude_ids(snapshot, excluded, query.exclude)
        if len(rated) == 0:
            return Answer(_popular(snapshot, query.n, excluded), "popular", model.version, degraded)
        # a_ui = (r_ui − r_min) / (r_max − r_min)
        targets = (values[is_known][order] - self.rating_min) / (self.rating_max - self.rating_min)
        vector = model.fold_in.fold_in_user(rated, targets)
        best, scores = top_n(model.factors.item_factors, vector, query.n, excluded=excluded)
        return Answer(_answered(snapshot, best, scores), "personal", model.version, degraded)

    def similar(self, item_id: str, *, n: int, categories: Sequence[str] = ()) -> Answer:
        """Find the items whose vectors point where an item's vector points.

        Parameters
        ----------
        item_id : str
            The item.
        n : int
            How many.
        categories : sequence of str
            An item must be in one of them, when any are named.

        Returns
        -------
        Answer
            Scores are cosines.

        Raises
        ------
        NotFoundError
            If the model does not have the item.
        """
        snapshot = self.live.current
        index = None if snapshot is None else snapshot.model.items.item_ids.find(item_id)
        if snapshot is None or index is None:
            raise NotFoundError("no trained model knows this item; it has no ratings, or none that were trained on yet")
        excluded = snapshot.excluded(categories)
        best, cosines = similar_items(snapshot.model.factors.item_factors, index, n, excluded=excluded)
        return Answer(_answered(snapshot, best, cosines), "personal", snapshot.model.version)

    async def popular(self, *, n: int, categories: Sequence[str] = ()) -> Answer:
        """Find the most rated items.

        Parameters
        ----------
        n : int
            How many.
        categories : sequence of str
            An item must be in one of them, when any are named.

        Returns
        -------
        Answer
            Scores are numbers of ratings.

        Raises
        ------
        StoreUnavailableError
            If neither the store nor a model is there to answer from.
        """
        snapshot = self.live.current
        if snapshot is None:
            query = RecommendationQuery(n=n, categories=categories)
            return Answer(await self.popularity.most_popular(query, set()), "popular", None)
        items = _popular(snapshot, n, snapshot.excluded(categories))
        return Answer(items, "popular", snapshot.model.version)


def exclude_ids(snapshot: Snapshot, excluded: NDArray[np.bool_], item_ids: Sequence[str]) -> None:
    """Mark items by their ids.

    Parameters
    ----------
    snapshot : Snapshot
        What is served.
    excluded : ndarray of shape (n_items,), bool
        Is marked in place.
    item_ids : sequence of str
        Unknown ones are passed over.
    """
    for item_id in item_ids:
        index = snapshot.model.items.item_ids.find(item_id)
        if index is not None:
            excluded[index] = True


def _popular(snapshot: Snapshot, n: int, excluded: NDArray[np.bool_]) -> list[AnsweredItem]:
    popular = snapshot.model.popular
    best = popular[~excluded[popular]][:n]
    return _answered(snapshot, best, snapshot.model.items.popularity[best])


def _answered(snapshot: Snapshot, indices: NDArray[np.integer], scores: NDArray[np.float32]) -> list[AnsweredItem]:
    ids = snapshot.model.items.item_ids
    pairs = zip(indices.tolist(), scores.tolist(), strict=True)
    return [AnsweredItem(ids[index], score, snapshot.title(index)) for index, score in pairs]
