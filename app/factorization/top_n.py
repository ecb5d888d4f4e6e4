"""The best n items for a vector, exactly: those that a sort of all scores would put first.

One pass over one byte a number bounds every score from above, and only where the bound reaches the n-th best score so
far is the score itself computed, always by the same additions. So a score's bits depend on the two vectors alone.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.factorization.arrays import Floats, read_only
from app.factorization.best import keep_best, put_in_order, score_of
from app.factorization.bounds import prepared, set_bounds
from app.factorization.compiled import compiled, strictly_compiled
from app.factorization.quantized import ITEMS_PER_BLOCK, QuantizedVectors, restore

_NONE = np.empty(0, np.float32)
_NONE.flags.writeable = False
_NO_VECTORS = _NONE.reshape(0, 1)


class After(NamedTuple):
    """Where a list goes on: items that stand behind this score, or with the same score behind this index."""

    score: float = np.inf
    item_index: int = -1


class Rescaling(NamedTuple):
    """What turns products into other scores, p_i = m_i (v_i·u) + a_i.

    Attributes
    ----------
    multipliers : ndarray of shape (n_items,), float32
        m, none of them negative; empty for ones.
    additions : ndarray of shape (n_items,), float32
        a; empty for zeros.
    """

    multipliers: Floats = _NONE
    additions: Floats = _NONE


_BEGINNING = After()
_AS_THEY_ARE = Rescaling()


def top_n(
    items: QuantizedVectors,
    user_vectors: Floats,
    n: int,
    *,
    excluded: NDArray[np.bool_] | None = None,
    after: After = _BEGINNING,
    rescaling: Rescaling = _AS_THEY_ARE,
) -> tuple[NDArray[np.intp], Floats]:
    """Find the n items with the highest scores v_i·u, or of several users' the highest least score.

    Parameters
    ----------
    items : QuantizedVectors
        V.
    user_vectors : ndarray of shape (n_factors,) or (n_users, n_factors), float32
        u.
    n : int
        How many.
    excluded : ndarray of shape (n_items,), bool, optional
        Items that must not come.
    after : After
        Where to begin.
    rescaling : Rescaling
        Of the products; for one user only.

    Returns
    -------
    item_indices : ndarray of shape (min(n, items left),), intp
        Best first, ties by ascending index.
    scores : ndarray of the same shape, float32
        As ``scores_of`` computes them.
    """
    n_items = len(items)
    n = min(max(n, 0), n_items)
    if not n:
        return np.empty(0, np.intp), np.empty(0, np.float32)
    users = frozen(np.atleast_2d(user_vectors))
    found, found_scores = np.empty(n, np.int64), np.empty(n, np.float32)
    n_found = scan(
        _NO_VECTORS,
        items.levels,
        items.residuals,
        items.steps,
        items.scales,
        users,
        frozen(np.zeros(n_items, np.bool_) if excluded is None else excluded, np.bool_),
        np.float32(after.score),
        after.item_index,
        frozen(rescaling.multipliers),
        frozen(rescaling.additions),
        found,
        found_scores,
    )
    return found[:n_found].astype(np.intp, copy=False), found_scores[:n_found]


def scores_of(vectors: Floats, user_vectors: Floats) -> Floats:
    """Score items as ``top_n`` does, to the last bit.

    Parameters
    ----------
    vectors : ndarray of shape (n, n_factors), float32
        v.
    user_vectors : ndarray of shape (n_factors,) or (n_users, n_factors), float32
        u.

    Returns
    -------
    ndarray of shape (n,), float32
        v·u; of several users the least.
    """
    users = frozen(np.atleast_2d(user_vectors))
    scores = np.empty(len(vectors), np.float32)
    _set_scores(frozen(vectors), users, scores)
    return scores


def best_of(scores: Floats, n: int, excluded: NDArray[np.bool_]) -> tuple[NDArray[np.intp], Floats]:
    """Find the items with the highest of given scores.

    Parameters
    ----------
    scores : ndarray of shape (n_items,), float32
        One for every item.
    n : int
        How many.
    excluded : ndarray of shape (n_items,), bool
        Items that must not come.

    Returns
    -------
    item_indices : ndarray of shape (min(n, items left),), intp
        Best first, ties by ascending index.
    scores : ndarray of the same shape, float32
        Their scores.
    """
    allowed = np.flatnonzero(~excluded)
    left = scores[allowed]
    if 0 < n < len(left):
        # everything at or above the n-th best score, so that ties at the edge are broken by index too
        kept = left >= np.partition(left, len(left) - n)[len(left) - n]
        allowed, left = allowed[kept], left[kept]
    order = np.argsort(-left, kind="stable")[: max(n, 0)]
    return allowed[order], left[order]


def frozen(array: NDArray[Any], kind: type[np.generic] = np.float32) -> NDArray[Any]:
    """Make an array of the one kind that kernels are compiled for, whether it lies in memory or in a mapped file.

    Parameters
    ----------
    array : ndarray
        Copied only where it is of another type or not contiguous.
    kind : type
        Of its numbers.

    Returns
    -------
    ndarray
        Read-only.
    """
    if type(array) is np.ndarray and array.dtype == kind and array.flags.c_contiguous and not array.flags.writeable:
        return array
    return read_only(np.ascontiguousarray(array, kind))


@strictly_compiled
def _rescaled(score: np.float32, index: int, multipliers: Floats, additions: Floats) -> np.float32:
    if len(multipliers):
        score = np.float32(score * multipliers[index])
    if len(additions):
        score = np.float32(score + additions[index])
    return score


@strictly_compiled
def _set_scores(vectors: Floats, users: Floats, scores: Floats) -> None:
    for index in range(len(vectors)):
        scores[index] = score_of(vectors, index, users)


@compiled
def scan(
    vectors: Floats,
    levels: NDArray[np.int8],
    residuals: NDArray[np.int16],
    steps: Floats,
    scales: Floats,
    users: Floats,
    excluded: NDArray[np.bool_],
    after_score: np.float32,
    after_index: int,
    multipliers: Floats,
    additions: Floats,
    found: NDArray[np.int64],
    scores: Floats,
) -> int:
    """Find the items with the highest scores, as ``top_n`` defines them.

    Parameters
    ----------
    vectors : ndarray of shape (n_items, n_factors), float32
        V; of length 0 where they are put together one by one.
    levels, residuals, steps, scales : ndarray
        Of the items, as ``QuantizedVectors`` has them.
    users : ndarray of shape (n_users, n_factors), float32
        u.
    excluded : ndarray of shape (n_items,), bool
        Items that must not come.
    after_score, after_index : float32, int
        Where to begin.
    multipliers, additions : ndarray of shape (n_items,), float32
        A rescaling; empty for none.
    found : ndarray of shape (n,), int64
        Where item indices go, best first, ties by ascending index.
    scores : ndarray of shape (n,), float32
        Where their scores go.

    Returns
    -------
    int
        How many were found.
    """
    n_found, n, n_items = 0, len(found), len(residuals)
    weights, slack = prepared(users, scales, levels.shape[1])
    worst = np.float32(-np.inf)
    bounds = np.empty(ITEMS_PER_BLOCK, np.float32)
    others = np.empty(ITEMS_PER_BLOCK, np.float32)
    vector = np.empty((1, residuals.shape[1]), np.float32)
    for block in range(len(levels)):
        first = block * ITEMS_PER_BLOCK
        set_bounds(levels[block], steps[block], weights[0], slack[0], bounds)
        for user in range(1, len(users)):
            set_bounds(levels[block], steps[block], weights[user], slack[user], others)
            for place in range(ITEMS_PER_BLOCK):
                bounds[place] = min(bounds[place], others[place])
        if len(multipliers):
            for place in range(min(ITEMS_PER_BLOCK, n_items - first)):
                bounds[place] *= multipliers[first + place]
        if len(additions):
            for place in range(min(ITEMS_PER_BLOCK, n_items - first)):
                bounds[place] += additions[first + place]
        n_left = 0
        for place in range(ITEMS_PER_BLOCK):
            n_left += not bounds[place] < worst  # what is no number passes, and its score decides
        if not n_left:
            continue
        for place in range(min(ITEMS_PER_BLOCK, n_items - first)):
            index = first + place
            if bounds[place] < worst or excluded[index]:
                continue
            if len(vectors):
                score = score_of(vectors, index, users)
            else:
                restore(levels, residuals, steps, scales, index, vector[0])
                score = score_of(vector, 0, users)
            score = _rescaled(score, index, multipliers, additions)
            if score > after_score or (score == after_score and index <= after_index):
                continue
            n_found = keep_best(found, scores, n_found, index, score)
            if n_found == n:
                worst = scores[0]
    put_in_order(found[:n_found], scores[:n_found])
    return n_found
