"""Items as an answer shows them: named, and where it is asked for with the reasons that add up to their scores."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from app.factorization.top_n import scores_of
from app.services.questions.answers import (
    AnsweredItem,
    Contribution,
    ExplainedItem,
    ExplainedMember,
    GroupItem,
    MemberScore,
)
from app.services.questions.listing import Listing
from app.services.tastes import Taste
from app.serving.item_table import Floats
from app.serving.snapshot import Snapshot


def named(snapshot: Snapshot, indices: NDArray[np.integer], scores: NDArray[np.floating]) -> list[AnsweredItem]:
    """Name items.

    Parameters
    ----------
    snapshot : Snapshot
        What is served.
    indices : ndarray of shape (n,), int
        Item indices.
    scores : ndarray of shape (n,), float
        Their scores.

    Returns
    -------
    list of AnsweredItem
        In the same order.
    """
    pairs = zip(indices.tolist(), scores.tolist(), strict=True)
    if snapshot.is_as_trained:
        ids, titles = snapshot.model.items.item_ids, snapshot.model.items.titles
        return [AnsweredItem(ids[index], score, titles[index] or None, False) for index, score in pairs]
    return [
        AnsweredItem(snapshot.item_id(index), score, snapshot.title(index), snapshot.is_cold(index))
        for index, score in pairs
    ]


def described(
    listing: Listing, indices: NDArray[np.intp], scores: Floats, user_ids: Sequence[str]
) -> Sequence[AnsweredItem]:
    """Write items as they were asked for.

    Parameters
    ----------
    listing : Listing
        Where they come from.
    indices : ndarray of shape (n,), intp
        Item indices.
    scores : ndarray of shape (n,), float32
        Their scores.
    user_ids : sequence of str
        The members, when it is a group that asks.

    Returns
    -------
    sequence of AnsweredItem
        In the same order; with the members' scores and with reasons where these are wanted.
    """
    plain = named(listing.snapshot, indices, scores)
    if user_ids:
        members = _members(listing, indices, user_ids)
        return [GroupItem(*_fields(item), list(each)) for item, each in zip(plain, members, strict=True)]
    if listing.explain_limit is None:
        return plain
    if not listing.tastes or listing.strategy == "popular":  # everyone's choice, as far as is known here
        return [ExplainedItem(*_fields(item), [], 0.0, item.score or 0.0, 0.0) for item in plain]
    reasons = _reasons(listing, listing.tastes[0], indices, scores)
    return [ExplainedItem(*_fields(item), *why) for item, why in zip(plain, reasons, strict=True)]


def _fields(item: AnsweredItem) -> tuple[str, float | None, str | None, bool]:
    return item.item_id, item.score, item.title, item.cold


def _members(listing: Listing, indices: NDArray[np.intp], user_ids: Sequence[str]) -> Iterable[Sequence[MemberScore]]:
    if listing.strategy == "popular":
        return [[] for _ in indices]
    vectors, columns = listing.snapshot.vectors(indices), []
    for place, (user_id, vector) in enumerate(zip(user_ids, listing.vectors, strict=True)):
        scores = scores_of(vectors, vector)
        if not listing.tastes:
            columns.append([MemberScore(user_id, score) for score in scores.tolist()])
            continue
        reasons = _reasons(listing, listing.tastes[place], indices, scores)
        pairs = zip(scores.tolist(), reasons, strict=True)
        columns.append([ExplainedMember(user_id, score, *why) for score, why in pairs])
    return zip(*columns, strict=True)


def _reasons(
    listing: Listing, taste: Taste, indices: NDArray[np.intp], scores: Floats
) -> list[tuple[list[Contribution], float, float, float]]:
    # of each item: the largest contributions, the sum of the others, everyone's share, and that of chance
    snapshot = listing.snapshot
    everyone, contributions = taste.explain(snapshot, indices)
    rated_ids = [snapshot.item_id(index) for index in taste.rated.tolist()]
    order = np.argsort(-np.abs(contributions), axis=1, kind="stable")[:, : listing.explain_limit]
    found = []
    for score, general, parts, largest in zip(scores.tolist(), everyone.tolist(), contributions, order, strict=True):
        because = [Contribution(rated_ids[place], float(parts[place])) for place in largest]
        chance = score - general - float(parts.sum()) if listing.is_explored else 0.0
        found.append((because, float(np.delete(parts, largest).sum()), general, chance))
    return found
