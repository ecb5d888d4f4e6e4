"""What lists and predicted values are worth, user by user; only coverage is a number of all users together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from app.factorization.arrays import Doubles, Floats, Indices
from app.factorization.evaluation.bootstrap import Interval

if TYPE_CHECKING:
    from scipy.sparse import csr_array  # which serving does without


def ranking_metrics(
    lists: Indices, relevant: csr_array, n_raters: NDArray[np.int64], n_users: int
) -> dict[str, Doubles]:
    """Judge lists by the items that turned out to be relevant.

    With h_k whether the item at place k is relevant and R the number of relevant items:

        recall = Σ h_k / R      ndcg = Σ h_k / log2(k + 1) / Σ_{k ≤ min(n, R)} 1 / log2(k + 1)
        hit_rate = max h_k      map = Σ h_k (Σ_{j ≤ k} h_j) / k / min(n, R)
        novelty = mean of −log2 of the share of users who rated an item in training

    Parameters
    ----------
    lists : ndarray of shape (n_judged, n), int32
        Best first, -1 for an empty place.
    relevant : csr_array of shape (n_judged, n_items)
        The relevant items of the same users; at least one for each.
    n_raters : ndarray of shape (n_items,), int64
        How many users rated each item in training.
    n_users : int
        Users in training.

    Returns
    -------
    dict of str to ndarray of shape (n_judged,), float64
        By metric.
    """
    n = lists.shape[1]
    hits = is_relevant(lists, relevant).astype(np.float64)
    n_relevant = np.diff(relevant.indptr)
    n_findable = np.minimum(n, n_relevant)
    places = np.arange(1, n + 1)
    discount = 1.0 / np.log2(places + 1)
    # an item that nobody rated is as new as one that half a user rated
    surprise = -np.log2(np.maximum(n_raters, 0.5) / max(n_users, 1))
    is_filled = lists >= 0
    return {
        "recall": hits.sum(axis=1) / n_relevant,
        "ndcg": hits @ discount / np.cumsum(discount)[n_findable - 1],
        "hit_rate": hits.max(axis=1),
        "map": (hits * np.cumsum(hits, axis=1) / places).sum(axis=1) / n_findable,
        "novelty": (surprise[lists] * is_filled).sum(axis=1) / np.maximum(is_filled.sum(axis=1), 1),
    }


def is_relevant(lists: Indices, relevant: csr_array) -> NDArray[np.bool_]:
    """Mark the relevant items of lists.

    Parameters
    ----------
    lists : ndarray of shape (n_judged, n), int32
        Items; -1 for an empty place.
    relevant : csr_array of shape (n_judged, n_items)
        The relevant items of the same users, sorted.

    Returns
    -------
    ndarray of shape (n_judged, n), bool
        Where a relevant item stands.
    """
    n_judged, n_items = relevant.shape
    if relevant.nnz == 0:
        return np.zeros(lists.shape, np.bool_)
    users = np.repeat(np.arange(n_judged), np.diff(relevant.indptr))
    known = users * n_items + relevant.indices  # ascending
    asked = np.arange(n_judged)[:, None] * n_items + lists
    place = np.minimum(np.searchsorted(known, asked), len(known) - 1)
    found: NDArray[np.bool_] = (known[place] == asked) & (lists >= 0)
    return found


def coverage(lists: Indices, n_items: int) -> Interval:
    """Compute the share of all items that stand in any list.

    The interval is the jackknife's, since a bootstrap sample repeats users and so covers less than they do.

    Parameters
    ----------
    lists : ndarray of shape (n_judged, n), int32
        Items, each once in a list; -1 for an empty place.
    n_items : int
        Items in the catalogue.

    Returns
    -------
    Interval
        The share.

    References
    ----------
    Efron and Stein, The jackknife estimate of variance, Annals of Statistics 1981.
    """
    n_judged = len(lists)
    is_filled = lists >= 0
    n_lists = np.bincount(lists[is_filled], minlength=n_items)
    # what the coverage would lose without each user: the items in that user's list alone
    lost = ((n_lists[lists] == 1) & is_filled).sum(axis=1) / n_items
    variance = (n_judged - 1) / max(n_judged, 1) * float(((lost - lost.mean()) ** 2).sum())
    share, reach = float((n_lists > 0).mean()), 1.96 * variance**0.5
    return Interval(share, max(share - reach, 0.0), min(share + reach, 1.0))


def value_errors(predicted: Floats | Doubles, test: csr_array) -> Doubles:
    """Sum up the errors of predicted targets, user by user.

    Parameters
    ----------
    predicted : ndarray of shape (n_pairs,)
        Targets as predicted, in the order of `test.data`.
    test : csr_array of shape (n_users, n_items), float32
        The targets.

    Returns
    -------
    ndarray of shape (n_users, 3), float64
        Squared errors, absolute errors, number of pairs.
    """
    n_users = test.shape[0]
    error = np.asarray(predicted, np.float64) - test.data
    users = np.repeat(np.arange(n_users), np.diff(test.indptr))
    columns = (error**2, np.abs(error), np.ones_like(error))
    return np.stack([np.bincount(users, column, minlength=n_users) for column in columns], axis=1)
