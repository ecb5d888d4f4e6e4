"""Getting to know a newcomer: a few items to rate, chosen anew after every answer."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from app.factorization.arrays import Doubles, Floats
from app.factorization.interviewing import choose_questions, newcomer
from app.factorization.top_n import scores_of
from app.services.questions.answer_threads import AnswerThreads
from app.services.questions.answers import Answer, RecommendationQuery
from app.services.questions.explaining import named
from app.services.questions.popularity import StorePopularity
from app.services.tastes import NOTHING, RatingScale
from app.serving.live import LiveModel
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
            The first is to be asked first; a score is the probability of knowing the item times the root of how it
            would be liked.
        """
        snapshot = self._live.current
        if snapshot is None:
            query = RecommendationQuery(n, categories=categories, exclude=list(answers))
            return await self._popularity.most_popular(query, (), secret=None)

        def work() -> Answer:
            return ask(snapshot, answers, self._scale, n=n, categories=categories)

        return await self._threads.run(snapshot, work)


def ask(
    snapshot: Snapshot,
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
    excluded, interview = snapshot.excluded(categories), newcomer(snapshot.model.factors)
    for item_id, value in answers.items():
        index = snapshot.find(item_id)
        if index is not None:
            excluded[index] = True
            (vector,), (share,) = _vectors_and_shares(snapshot, np.array([index]))
            interview = interview.after(vector, share, is_known=value is not None)
    popular = snapshot.popular
    candidates = popular[~excluded[popular]][: max(_MOST_CANDIDATES, n)].astype(np.intp)
    vectors, shares = _vectors_and_shares(snapshot, candidates)
    scores = scores_of(vectors, NOTHING.changed(snapshot, answers, scale).vector(snapshot))
    chosen, merits = choose_questions(interview, vectors, shares, scores, n)
    return Answer(named(snapshot, candidates[chosen], merits), "personal", snapshot.model.version)


def _vectors_and_shares(snapshot: Snapshot, indices: NDArray[np.intp]) -> tuple[Floats, Doubles]:
    counts = snapshot.popularity(indices).astype(np.float64)
    return snapshot.vectors(indices), (counts + 0.5) / (max(len(snapshot.model.user_keys), 1) + 1.0)
