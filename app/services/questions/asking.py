"""Questions with a body: what someone without an id would like, what a rating would change, what suits a group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from app.services.event_loop import give_way
from app.services.questions.answer_threads import FEW, is_small
from app.services.questions.answering import Asked, answer, begin
from app.services.questions.answers import Aggregate, Answer, AnsweredItem, RecommendationQuery
from app.services.questions.explaining import described
from app.services.questions.listing import Listing
from app.services.questions.recommending import NO_RATINGS, Recommender
from app.services.tastes import NOTHING, Taste
from app.serving.snapshot import Snapshot
from app.storage.user_ratings import UserRatings


@dataclass(frozen=True, slots=True)
class Question:
    """Who is asked about, and what.

    Attributes
    ----------
    query : RecommendationQuery
        How many items and which.
    user_id : str, optional
        Whose stored ratings count.
    ratings : mapping of str to float or None
        Ratings by item id that are not stored; they count before the stored ones, and None removes one.
    user_ids : sequence of str
        The members of a group, in place of one user.
    aggregate : str
        How a group's scores become one.
    candidates : sequence of str, optional
        The items to rank; all of them are answered.
    compare : bool
        Whether to answer the list without ``ratings`` too.
    """

    query: RecommendationQuery
    user_id: str | None = None
    ratings: Mapping[str, float | None] = field(default_factory=dict)
    user_ids: Sequence[str] = ()
    aggregate: Aggregate = "mean"
    candidates: Sequence[str] | None = None
    compare: bool = False


@dataclass(frozen=True, slots=True)
class Asker:
    """Answers questions that have a body.

    Attributes
    ----------
    recommender : Recommender
        Whose live model and store the answers come from.
    """

    recommender: Recommender

    async def ask(self, question: Question) -> tuple[Answer, Answer | None]:
        """Answer a question.

        Parameters
        ----------
        question : Question
            About one user, known or not, or about a group.

        Returns
        -------
        answer : Answer
            The items.
        unchanged : Answer or None
            With ``compare``, what would be answered without the question's own ratings.
        """
        snapshot = self.recommender.live.current
        users = question.user_ids or ([question.user_id] if question.user_id is not None else [])
        stored = [await self.recommender.ratings_of(user) for user in users]
        is_degraded = any(ratings is None for ratings in stored)
        asked = Asked(question.user_id, question.user_ids, degraded=is_degraded)
        if snapshot is None:
            known = [ratings or NO_RATINGS for ratings in stored]
            unchanged = await self._without_model(replace(question, ratings={}), known) if question.compare else None
            return await self._without_model(question, known), unchanged

        is_short, excluded = _is_short(question, stored), None
        if is_short and is_small(snapshot) and len(question.query.exclude) > FEW:
            excluded = snapshot.indices_of(question.query.exclude)
            await give_way()

        def work() -> tuple[Answer, Answer | None]:
            pairs = zip(users, stored, strict=True)
            tastes = [self.recommender.taste_of(snapshot, *pair) for pair in pairs] or [NOTHING]
            changed = [taste.changed(snapshot, question.ratings, self.recommender.scale) for taste in tastes]
            found = self._answer(snapshot, changed, question, asked, excluded)
            return found, self._answer(snapshot, tastes, question, asked) if question.compare else None

        return await self.recommender.threads.run(snapshot, work, is_short=is_short)

    def _answer(
        self,
        snapshot: Snapshot,
        tastes: Sequence[Taste],
        question: Question,
        asked: Asked,
        excluded: NDArray[np.intp] | None = None,
    ) -> Answer:
        query = question.query
        if question.candidates is not None:
            query = replace(query, exclude_rated=False, exclude=(), diversity=0.0)
        listing, asked = begin(snapshot, tastes, query, asked, question.aggregate, excluded=excluded)
        if question.candidates is None:
            return answer(listing, asked, self.recommender.live.cursor_secret)
        return _ranked(listing, question.candidates, asked)

    async def _without_model(self, question: Question, stored: Sequence[UserRatings]) -> Answer:
        query, recommender = question.query, self.recommender
        if question.candidates is not None:
            return Answer(
                [AnsweredItem(item, None, None, cold=False) for item in dict.fromkeys(question.candidates)],
                "popular",
                None,
            )
        rated = {key for ratings in stored for key in ratings.item_keys.tolist()} if query.exclude_rated else set()
        own = [item for item, value in question.ratings.items() if value is not None] if query.exclude_rated else []
        query = replace(query, exclude=[*query.exclude, *own])
        secret = recommender.live.cursor_secret
        return await recommender.popularity.most_popular(query, rated, secret=secret, user_id=question.user_id)


def _is_short(question: Question, stored: Sequence[UserRatings | None]) -> bool:
    query = question.query
    is_one = len(stored) <= 1 and question.candidates is None and not question.compare
    n_ratings = len(question.ratings) + sum(len(ratings.item_keys) for ratings in stored if ratings is not None)
    return is_one and query.is_plain and query.n <= FEW and len(question.ratings) <= FEW and n_ratings <= 10 * FEW


def _ranked(listing: Listing, candidates: Sequence[str], asked: Asked) -> Answer:
    snapshot, wanted = listing.snapshot, list(dict.fromkeys(candidates))
    indices = np.unique(snapshot.indices_of(wanted))
    scores = listing.scores_of(indices)
    order = np.argsort(-scores, kind="stable")  # ties by index, which is by id
    known = described(listing, indices[order], scores[order], asked.user_ids)
    unknown = [AnsweredItem(item_id, None, None, cold=False) for item_id in wanted if snapshot.find(item_id) is None]
    version = snapshot.model.version
    return Answer([*known, *unknown], listing.strategy, version, asked.degraded, None, asked.seed)
