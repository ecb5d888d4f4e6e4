"""Items as an answer shows them: named, and where it is asked for with the reasons that add up to their scores."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.factorization.top_n import scores_of
from app.services.answers import AnsweredItem, Contribution, ExplainedItem, GroupItem, MemberScore
from app.services.listing import Listing
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
        In the same order; with the members' scores or with reasons where these are wanted.
    """
    if user_ids:
        return scored_by_members(listing, indices, scores, user_ids)
    if listing.explain_limit is not None:
        return explained(listing, indices, scores)
    return named(listing.snapshot, indices, scores)


def explained(listing: Listing, indices: NDArray[np.intp], scores: Floats) -> list[ExplainedItem]:
    """Name items with the reasons for their scores.

    Parameters
    ----------
    listing : Listing
        Where they come from, with ``explain_limit``.
    indices : ndarray of shape (n,), intp
        Item indices.
    scores : ndarray of shape (n,), float32
        Their scores.

    Returns
    -------
    list of ExplainedItem
        In the same order.
    """
    snapshot, taste, limit = listing.snapshot, listing.taste, listing.explain_limit
    plain = named(snapshot, indices, scores)
    if taste is None or limit is None or listing.strategy == "popular":
        return [
            ExplainedItem(item.item_id, item.score, item.title, item.cold, [], 0.0, item.score or 0.0, 0.0)
            for item in plain
        ]
    everyone, contributions = taste.explain(snapshot, indices)
    rated_ids = [snapshot.item_id(index) for index in taste.rated.tolist()]
    order = np.argsort(-np.abs(contributions), axis=1, kind="stable")[:, :limit]
    found = []
    for item, general, parts, largest in zip(plain, everyone.tolist(), contributions, order, strict=True):
        because = [Contribution(rated_ids[place], float(parts[place])) for place in largest]
        chance = (item.score or 0.0) - general - float(parts.sum()) if listing.is_explored else 0.0
        rest = float(np.delete(parts, largest).sum())
        found.append(ExplainedItem(item.item_id, item.score, item.title, item.cold, because, rest, general, chance))
    return found


def scored_by_members(
    listing: Listing, indices: NDArray[np.intp], scores: Floats, users: Sequence[str]
) -> list[GroupItem]:
    """Name items with what each member of a group would give them.

    Parameters
    ----------
    listing : Listing
        Where they come from, with a vector for each member.
    indices : ndarray of shape (n,), intp
        Item indices.
    scores : ndarray of shape (n,), float32
        The group's scores.
    users : sequence of str
        The members, in the order of the vectors.

    Returns
    -------
    list of GroupItem
        In the same order.
    """
    plain = named(listing.snapshot, indices, scores)
    vectors = listing.snapshot.vectors(indices)
    each = (
        np.array([scores_of(vectors, member) for member in listing.vectors]).reshape(len(listing.vectors), len(plain)).T
    )
    return [
        GroupItem(
            item.item_id,
            item.score,
            item.title,
            item.cold,
            [MemberScore(user, score) for user, score in zip(users, row, strict=False)],
        )
        for item, row in zip(plain, each.tolist(), strict=True)
    ]
