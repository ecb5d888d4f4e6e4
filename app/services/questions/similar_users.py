"""Who is like a user."""

import asyncio
from dataclasses import dataclass

import numpy as np

from app.factorization.top_n import top_n
from app.services.questions.recommending import Recommender
from app.services.questions.similar_items import cosine_rescaling, unit
from app.services.tastes import Taste
from app.serving.item_table import Floats
from app.serving.snapshot import Snapshot
from app.storage.engine import Store
from app.storage.keys import ids_of
from app.storage.schema import users

_SPARE = 16


@dataclass(frozen=True, slots=True)
class SimilarUser:
    """A user of the model; ``score`` is a cosine."""

    user_id: str
    score: float


@dataclass(frozen=True, slots=True)
class UserSimilarity:
    """Finds users like a user.

    Attributes
    ----------
    recommender : Recommender
        Whose live model and ratings it reads.
    store : Store
        Where the users' ids are; a model has none.
    """

    recommender: Recommender
    store: Store

    async def similar_users(self, user_id: str, n: int) -> tuple[list[SimilarUser], int | None]:
        """Find the trained users whose vectors point where a user's ratings of now point.

        Parameters
        ----------
        user_id : str
            Anyone; nobody is like a user without ratings.
        n : int
            How many.

        Returns
        -------
        users : list of SimilarUser
            The most similar first, ties by when they came.
        model_version : int or None
            Where the vectors are from.

        Raises
        ------
        StoreUnavailableError
            If the store does not answer.
        """
        snapshot, ratings = self.recommender.live.current, await self.recommender.reader.read(user_id)
        if snapshot is None:
            return [], None
        taste = Taste.of(snapshot, ratings, self.recommender.scale)
        if not len(taste.rated):
            return [], snapshot.model.version
        vector = taste.vector(snapshot)
        return await asyncio.to_thread(self._nearest, snapshot, vector, user_id, n), snapshot.model.version

    def _nearest(self, snapshot: Snapshot, vector: Floats, user_id: str, n: int) -> list[SimilarUser]:
        model, searched = snapshot.model, snapshot.model.factors.user_factors
        n_asked = n + _SPARE
        while True:
            best, products = top_n(searched, unit(vector), n_asked, rescaling=cosine_rescaling(searched))
            values = np.clip(products, -1, 1)
            with self.store.read() as connection:
                ids = ids_of(connection, users, model.user_keys[best].tolist())
            pairs = zip(model.user_keys[best].tolist(), values.tolist(), strict=True)
            found = [SimilarUser(ids[key], score) for key, score in pairs if key in ids and ids[key] != user_id]
            if len(found) >= n or len(best) < n_asked:
                return found[:n]
            n_asked *= 2  # many of them were erased since
