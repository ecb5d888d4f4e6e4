"""From a question to a listing, from a listing to an answer, and from an answer's cursor back to its listing."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.factorization.posterior import sample_user
from app.services.questions.answers import Aggregate, Answer, RecommendationQuery
from app.services.questions.explaining import described
from app.services.questions.listing import Listing, Page, Place
from app.services.questions.paging import Cursor, seal
from app.services.tastes import Taste
from app.serving.folding_in import fold_in_of
from app.serving.item_table import Floats
from app.serving.snapshot import Snapshot

_NO_VECTORS = np.empty((0, 0), np.float32)
_NO_INDICES = np.empty(0, np.intp)
_NEVER = np.empty(0, np.int64)
_SEED_BITS = 32


@dataclass(slots=True)
class Asked:
    """What an answer repeats of the question.

    Attributes
    ----------
    user_id : str, optional
        Who is asked about; None for a visitor without an id.
    user_ids : sequence of str
        The members, when it is a group.
    degraded : bool
        Whether the ratings could not be read.
    seed : int, optional
        Of the exploration.
    """

    user_id: str | None = None
    user_ids: Sequence[str] = ()
    degraded: bool = False
    seed: int | None = None


def begin(
    snapshot: Snapshot,
    tastes: Sequence[Taste],
    query: RecommendationQuery,
    asked: Asked,
    aggregate: Aggregate = "mean",
    *,
    excluded: NDArray[np.intp] | None = None,
) -> tuple[Listing, Asked]:
    """Set out what will be listed.

    Parameters
    ----------
    snapshot : Snapshot
        What is served.
    tastes : sequence of Taste
        Of the user, or of the members of a group.
    query : RecommendationQuery
        What is asked for.
    asked : Asked
        Who asked.
    aggregate : str
        How a group's scores become one.
    excluded : ndarray of shape (n_excluded,), intp, optional
        Where the query's ``exclude`` is, if that has been looked up.

    Returns
    -------
    listing : Listing
        From its beginning; popular items when nobody has rated anything.
    asked : Asked
        With the seed that was drawn.
    """
    out = [taste.rated for taste in tastes] if query.exclude_rated else []
    if query.exclude:
        out.append(snapshot.indices_of(query.exclude) if excluded is None else excluded)
    is_personal = any(len(taste.rated) for taste in tastes)
    vectors = np.array([taste.vector(snapshot) for taste in tastes]) if is_personal else _NO_VECTORS
    if is_personal and query.explore > 0:
        seed = secrets.randbits(_SEED_BITS) if query.seed is None else query.seed
        vectors, asked = _explored(snapshot, tastes, vectors, query.explore, seed), replace(asked, seed=seed)
    listing = Listing(
        snapshot,
        "personal" if is_personal else "popular",
        vectors,
        np.concatenate(out) if out else _NO_INDICES,
        query.n,
        query.categories,
        query.diversity,
        aggregate,
        explain_limit=query.explain_limit,
        tastes=tastes if query.explain_limit is not None and not asked.degraded else (),
        is_explored=asked.seed is not None,
    )
    return listing, asked


def _explored(snapshot: Snapshot, tastes: Sequence[Taste], means: Floats, deviation: float, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    pairs = zip(tastes, means, strict=True)
    drawn = [
        sample_user(
            fold_in_of(snapshot, taste.rated),
            np.arange(len(taste.rated)),
            mean,
            deviation,
            rng,
            taste.weights(snapshot),
        )
        for taste, mean in pairs
    ]
    return np.array(drawn)


def answer(listing: Listing, asked: Asked, secret: bytes | None, page: Page | None = None) -> Answer:
    """Take a page and write it as an answer.

    Parameters
    ----------
    listing : Listing
        Where the page begins.
    asked : Asked
        What to repeat of the question.
    secret : bytes or None
        What the cursor is sealed with.
    page : Page, optional
        The listing's page, where it is known.

    Returns
    -------
    Answer
        With the cursor of the next page, if there is one.
    """
    indices, scores, rest = listing.page() if page is None else page
    items = described(listing, indices, scores, asked.user_ids)
    next_cursor = None if rest is None or secret is None else seal(_cursor_of(rest, asked), secret)
    version = listing.snapshot.model.version
    return Answer(items, listing.strategy, version, asked.degraded, next_cursor, asked.seed)


def _cursor_of(listing: Listing, asked: Asked) -> Cursor:
    header: dict[str, Any] = {
        "version": listing.snapshot.model.version,
        "supplement": listing.snapshot.identity[1],
        "user_id": asked.user_id,
        "user_ids": asked.user_ids,
        "degraded": asked.degraded,
        "seed": asked.seed,
        "strategy": listing.strategy,
        "n": listing.n,
        "categories": listing.categories,
        "diversity": listing.diversity,
        "aggregate": listing.aggregate,
        "place": tuple(listing.place),
        "explain_limit": listing.explain_limit,
    }
    has_recency = listing.snapshot.model.factors.hyperparameters.recency > 0  # else times would only take room
    tastes = listing.tastes if has_recency else [replace(taste, timestamps=_NEVER) for taste in listing.tastes]
    return Cursor(header, listing.vectors, listing.out, tastes)


def resume(cursor: Cursor, snapshot: Snapshot, n: int | None) -> tuple[Listing, Asked]:
    """Go on where a cursor was given out.

    Parameters
    ----------
    cursor : Cursor
        Unsealed.
    snapshot : Snapshot
        Of the version that it names.
    n : int, optional
        Another size of page.

    Returns
    -------
    listing : Listing
        Where the next page begins.
    asked : Asked
        As in the first answer.
    """
    header = cursor.header
    explain_limit = header["explain_limit"]
    listing = Listing(
        snapshot,
        header["strategy"],
        cursor.vectors,
        cursor.out,
        n or header["n"],
        header["categories"],
        header["diversity"],
        header["aggregate"],
        Place(*header["place"]),
        explain_limit,
        cursor.tastes if explain_limit is not None else (),
        header["seed"] is not None,
    )
    return listing, Asked(header["user_id"], header["user_ids"], header["degraded"], header["seed"])
