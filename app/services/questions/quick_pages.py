"""The first page of a plain question about a small catalogue, which is nearly every question there."""

from functools import partial

import numpy as np

from app.factorization.quick_search import MOST_FOUND, MOST_RATINGS
from app.services.questions.answer_threads import FEW
from app.services.questions.answers import RecommendationQuery
from app.services.questions.listing import Listing, Page, Place
from app.services.tastes import RatingScale
from app.serving.snapshot import Snapshot
from app.storage.user_ratings import UserRatings

_NO_ITEMS = np.empty(0, np.intp)


def quick_page(
    snapshot: Snapshot, ratings: UserRatings, query: RecommendationQuery, scale: RatingScale
) -> tuple[Listing, Page] | None:
    """Find what ``begin`` and ``Listing.page`` find, in a third of the time.

    Parameters
    ----------
    snapshot : Snapshot
        What is served.
    ratings : UserRatings
        Of the user.
    query : RecommendationQuery
        What is asked for.
    scale : RatingScale
        Of the ratings.

    Returns
    -------
    listing : Listing
        From its beginning.
    page : Page
        Its first page.

    None where the question is not plain, the model not simple, or nothing known that the user rated.
    """
    quick = snapshot.model.quick_searches
    is_plain = query.is_plain and not query.categories and len(query.exclude) <= FEW and query.n < MOST_FOUND
    if quick is None or snapshot.supplement is not None or not is_plain or len(ratings.item_keys) > MOST_RATINGS:
        return None
    out = snapshot.indices_of(query.exclude) if query.exclude else _NO_ITEMS
    search, targets = quick.take(), scale.targets(ratings.values)
    found = search.find(
        ratings.item_keys, targets, query.n + 1, snapshot.hidden, out, exclude_rated=query.exclude_rated
    )
    quick.give_back(search)
    if found is None:
        return None
    kept = [found.rated, out] if query.exclude_rated else [out]
    everything = np.concatenate(kept) if len(out) else kept[0]
    begin = partial(Listing, snapshot, "personal", found.user_vector.reshape(1, -1), everything, query.n)
    shown, scores = found.item_indices[: query.n], found.scores[: query.n]
    has_more = len(shown) < len(found.item_indices)
    rest = begin(place=Place(float(scores[-1]), int(shown[-1]))) if has_more else None
    return begin(), (shown, scores, rest)
