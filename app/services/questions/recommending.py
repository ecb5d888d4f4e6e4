"""Recommendations: what the service answers, computed from the ratings as they are now."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from app.errors import InvalidInputError, NotFoundError, StoreUnavailableError, VersionGoneError
from app.services.questions.answer_threads import FEW, AnswerThreads
from app.services.questions.answering import Asked, answer, begin, resume
from app.services.questions.answers import Answer, RecommendationQuery
from app.services.questions.listing import Listing
from app.services.questions.paging import Cursor, unseal
from app.services.questions.popularity import StorePopularity
from app.services.questions.quick_pages import quick_page
from app.services.questions.similar_items import Metric, similar_to
from app.services.tastes import RatingScale, Taste
from app.serving.live import LiveModel
from app.serving.snapshot import Snapshot
from app.storage.user_ratings import UserRatings, UserRatingsReader

_NEVER = np.empty(0, np.int64)
NO_RATINGS = UserRatings(_NEVER, np.empty(0, np.float64), _NEVER)
_NO_VECTORS = np.empty((0, 0), np.float32)
_NO_ITEMS = np.empty(0, np.intp)


async def _forgotten(version: int, _supplement: int) -> Snapshot:
    raise VersionGoneError(f"version {version}, which this cursor goes on with, is not kept any more")


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
    recall : callable
        Loads a version that is not in memory any more.
    threads : AnswerThreads
        Where answers are computed.
    """

    live: LiveModel
    reader: UserRatingsReader
    popularity: StorePopularity
    rating_min: float
    rating_max: float
    recall: Callable[[int, int], Awaitable[Snapshot]] = _forgotten
    threads: AnswerThreads = field(default_factory=AnswerThreads)

    @property
    def scale(self) -> RatingScale:
        """The rating scale."""
        return RatingScale(self.rating_min, self.rating_max)

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
        ratings = await self.ratings_of(user_id)
        snapshot = self.live.current
        if snapshot is None:
            rated = set(ratings.item_keys.tolist()) if ratings is not None and query.exclude_rated else set()
            return await self.popularity.most_popular(query, rated, secret=self.live.cursor_secret, user_id=user_id)
        asked = Asked(user_id, degraded=ratings is None)

        def work() -> Answer:
            quick = quick_page(snapshot, ratings, query, self.scale) if is_short and ratings is not None else None
            if quick is not None:
                return answer(quick[0], asked, self.live.cursor_secret, quick[1])
            taste = self.taste_of(snapshot, user_id, ratings)
            return answer(*begin(snapshot, [taste], query, asked), self.live.cursor_secret)

        is_short = query.is_plain and query.n <= FEW and (ratings is None or len(ratings.item_keys) <= 10 * FEW)
        return await self.threads.run(snapshot, work, is_short=is_short)

    def taste_of(self, snapshot: Snapshot, user_id: str, ratings: UserRatings | None) -> Taste:
        """See a user as a model does.

        Parameters
        ----------
        snapshot : Snapshot
            What is served.
        user_id : str
            Anyone.
        ratings : UserRatings or None
            From ``ratings_of``.

        Returns
        -------
        Taste
            From the ratings, or without them what the version itself knows of the user.
        """
        if ratings is None:
            return Taste.as_trained(snapshot, user_id, self.live.user_secret)
        return Taste.of(snapshot, ratings, self.scale)

    async def ratings_of(self, user_id: str) -> UserRatings | None:
        """Read a user's ratings, as far as there is another way to answer without them.

        Parameters
        ----------
        user_id : str
            Anyone.

        Returns
        -------
        UserRatings or None
            None when the store does not answer but a model is there.

        Raises
        ------
        StoreUnavailableError
            If neither the store nor a model is there to answer from.
        """
        try:
            return await self.reader.read(user_id)
        except StoreUnavailableError:
            if self.live.current is None:
                raise
            return None

    async def go_on(
        self, cursor_text: str, *, n: int | None, user_id: str | None = None, pointer: str = "/cursor"
    ) -> tuple[Asked, Answer]:
        """Give the next page of an answer.

        Parameters
        ----------
        cursor_text : str
            The answer's ``next_cursor``.
        n : int, optional
            Another size of page.
        user_id : str, optional
            Who the answer must have been for.
        pointer : str
            Where the cursor was in the request, for errors.

        Returns
        -------
        asked : Asked
            Who the answer was for.
        answer : Answer
            The items that follow, in the order that was decided with the first page.

        Raises
        ------
        InvalidInputError
            If the cursor was not given out by this service, or for someone else.
        StoreUnavailableError
            If the database has not been reached yet.
        """
        if self.live.cursor_secret is None:
            raise StoreUnavailableError("the service has not reached its database since it started")
        cursor = unseal(cursor_text, self.live.cursor_secret, pointer)
        if user_id is not None and cursor.header["user_id"] != user_id:
            raise InvalidInputError("use a cursor as it was given", [(pointer, "was given for another user")])
        version = cursor.header["version"]
        if version is None:
            return Asked(cursor.header["user_id"]), await self._go_on_without_model(cursor, n)
        identity = version, cursor.header["supplement"]
        snapshot = self.live.find(*identity) or await self.recall(*identity)
        listing, asked = resume(cursor, snapshot, n)
        return asked, await self.threads.run(snapshot, lambda: answer(listing, asked, self.live.cursor_secret))

    async def _go_on_without_model(self, cursor: Cursor, n: int | None) -> Answer:
        header = cursor.header
        query = RecommendationQuery(
            n or header["n"],
            categories=header["categories"],
            exclude=header["exclude"],
            explain_limit=header.get("explain_limit"),  # older releases gave none
        )
        seen, secret = set(cursor.out.tolist()), self.live.cursor_secret
        return await self.popularity.most_popular(query, seen, secret=secret, user_id=header["user_id"])

    async def similar(
        self, item_ids: Sequence[str], *, n: int, categories: Sequence[str] = (), metric: Metric = "blend"
    ) -> Answer:
        """Find the items that are like some items.

        Parameters
        ----------
        item_ids : sequence of str
            The items.
        n : int
            How many.
        categories : sequence of str
            An item must be in one of them, when any are named.
        metric : str
            As ``similar_to`` defines it.

        Returns
        -------
        Answer
            The most similar first.

        Raises
        ------
        NotFoundError
            If there is no model yet, or it has none of the items.
        """
        snapshot = self.live.current
        if snapshot is None:
            raise NotFoundError("there is no model yet; POST /training-runs or `foldin train` makes one")
        work = partial(similar_to, snapshot, item_ids, n=n, categories=categories, metric=metric)
        return await self.threads.run(snapshot, work, is_short=n <= FEW and len(item_ids) == 1)

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
            return await self.popularity.most_popular(RecommendationQuery(n, categories=categories), (), secret=None)
        listing = Listing(snapshot, "popular", _NO_VECTORS, _NO_ITEMS, n, categories)
        return await self.threads.run(snapshot, lambda: answer(listing, Asked(), None), is_short=n <= FEW)
