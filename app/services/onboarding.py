"""Getting to know a newcomer: a few items to rate, chosen anew after every answer."""

from collections.abc import Mapping, Sequence

import numpy as np

from app.factorization.arrays import Doubles
from app.factorization.interviewing import Interview, choose_questions, known_gramian, newcomer
from app.services.answer_threads import AnswerThreads
from app.services.answers import Answer, RecommendationQuery
from app.services.explaining import named
from app.services.popularity import StorePopularity
from app.services.tastes import RatingScale
from app.serving.live import LiveModel
from app.serving.model import Model
from app.serving.snapshot import Snapshot

_MOST_CANDIDATES = 1_000


class Onboarding:
    """Chooses questions for people of whom nothing is known yet.

    Parameters
    ----------
    live : LiveModel
        What is served.
    popularity : StorePopularity
        What is asked while there is no model.
    scale : RatingScale
        Of the answers.
    threads : AnswerThreads
        Where questions are chosen.
    """

    def __init__(
        self, live: LiveModel, popularity: StorePopularity, scale: RatingScale, threads: AnswerThreads
    ) -> None:
        self._live, self._popularity, self._scale, self._threads = live, popularity, scale, threads
        self._prepared: tuple[Model, Interview, Doubles] | None = None

    async def questions(self, answers: Mapping[str, float | None], *, n: int, categories: Sequence[str] = ()) -> Answer:
        """Choose the items whose ratings would tell most.

        Parameters
        ----------
        answers : mapping of str to float or None
            By item id, what was answered so far; None for an item that the person does not know.
        n : int
            How many.
        categories : sequence of str
            An item must be in one of them, when any are named.

        Returns
        -------
        Answer
            The most telling first; a score is the probability of knowing the item times what the answer would tell.
        """
        snapshot = self._live.current
        if snapshot is None:
            query = RecommendationQuery(n, categories=categories, exclude=list(answers))
            return await self._popularity.most_popular(query, (), secret=None)

        def work() -> Answer:
            beginning, products = self._prepare(snapshot.model)
            return ask(snapshot, beginning, products, answers, self._scale, n=n, categories=categories)

        return await self._threads.run(snapshot, work)

    def _prepare(self, model: Model) -> tuple[Interview, Doubles]:
        if self._prepared is None or self._prepared[0] is not model:
            shares = model.items.popularity.astype(np.float64) / max(len(model.user_keys), 1)
            self._prepared = (
                model,
                newcomer(model.factors, model.fold_in),
                known_gramian(model.factors.item_factors, shares),
            )
        return self._prepared[1], self._prepared[2]


def ask(
    snapshot: Snapshot,
    interview: Interview,
    products: Doubles,
    answers: Mapping[str, float | None],
    scale: RatingScale,
    *,
    n: int,
    categories: Sequence[str] = (),
) -> Answer:
    """Choose questions, given the answers so far.

    Parameters
    ----------
    snapshot : Snapshot
        What is served.
    interview : Interview
        A newcomer's.
    products : ndarray of shape (n_factors, n_factors), float64
        Σ_j p_j v_j v_jᵀ of the model's items.
    answers : mapping of str to float or None
        By item id.
    scale : RatingScale
        Of the answers.
    n : int
        How many.
    categories : sequence of str
        An item must be in one of them, when any are named.

    Returns
    -------
    Answer
        The most telling item first.
    """
    excluded = snapshot.excluded(categories)
    for item_id, value in answers.items():
        index = snapshot.find(item_id)
        if index is not None:
            excluded[index] = True
            target = None if value is None else float(scale.targets(np.array(value)))
            interview = interview.after(snapshot.vectors(np.array([index]))[0], target)
    popular = snapshot.popular
    candidates = popular[~excluded[popular]][: max(_MOST_CANDIDATES, n)].astype(np.intp)
    vectors, counts = snapshot.vectors(candidates), snapshot.popularity(candidates).astype(np.float64)
    shares = (counts + 0.5) / (max(len(snapshot.model.user_keys), 1) + 1.0)
    chosen, merits = choose_questions(interview, vectors, shares, products, n)
    return Answer(named(snapshot, candidates[chosen], merits), "personal", snapshot.model.version)
