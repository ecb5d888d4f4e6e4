"""Every user's best items out of the whole catalogue, and scores of single pairs.

Users are folded in from their training ratings by the row solver that serves; items rated in training do not come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from app.factorization.arrays import Floats, Indices, Offsets
from app.factorization.compiled import compiled
from app.factorization.fold_in import FoldIn
from app.factorization.row_blocks import RowBlocks

if TYPE_CHECKING:
    from scipy.sparse import csr_array  # which serving does without

SCORES_PER_BLOCK = 1 << 21
"""Scores computed at a time by one thread: 8 MB."""


def fold_in_users(fold_in: FoldIn, user_items: csr_array, rows: RowBlocks) -> Floats:
    """Fold in many users, each as serving does.

    Parameters
    ----------
    fold_in : FoldIn
        The model.
    user_items : csr_array of shape (n_users, n_items), float32
        The users' targets.
    rows : RowBlocks
        Threads to share the work.

    Returns
    -------
    ndarray of shape (n_users, n_factors), float32
        The users' vectors.
    """
    indptr = user_items.indptr.astype(np.int64)
    vectors = np.empty((len(indptr) - 1, fold_in.item_factors.shape[1]), np.float32)

    def block(first: int, end: int) -> None:
        for u in range(first, end):
            rated = slice(indptr[u], indptr[u + 1])
            vectors[u] = fold_in.fold_in_user(user_items.indices[rated], user_items.data[rated])

    rows.map(block, indptr)
    return vectors


def rank_items(user_vectors: Floats, item_factors: Floats, excluded: csr_array, n: int, rows: RowBlocks) -> Indices:
    """Find every user's n best items.

    Parameters
    ----------
    user_vectors : ndarray of shape (n_users, n_factors), float32
        U.
    item_factors : ndarray of shape (n_items, n_factors), float32
        V.
    excluded : csr_array of shape (n_users, n_items)
        Pairs stored here do not come.
    n : int
        Length of the lists.
    rows : RowBlocks
        Threads to share the work.

    Returns
    -------
    ndarray of shape (n_users, n), int32
        Best first, ties by ascending index; -1 where no items are left.
    """
    n_users, n_items = excluded.shape
    lists = np.full((n_users, n), -1, np.int32)
    indptr = excluded.indptr.astype(np.int64)
    indices = excluded.indices.astype(np.int32, copy=False)
    step = max(SCORES_PER_BLOCK // max(n_items, 1), 1)

    def block(first: int, end: int) -> None:
        for start in range(first, end, step):
            stop = min(start + step, end)
            scores = user_vectors[start:stop] @ item_factors.T
            _select(scores, indptr[start : stop + 1], indices, lists[start:stop])

    rows.map(block, _equal_work(n_users, n_items))
    return lists


def score_pairs(user_vectors: Floats, item_factors: Floats, pairs: csr_array, rows: RowBlocks) -> Floats:
    """Score single pairs.

    Parameters
    ----------
    user_vectors : ndarray of shape (n_users, n_factors), float32
        U.
    item_factors : ndarray of shape (n_items, n_factors), float32
        V.
    pairs : csr_array of shape (n_users, n_items)
        Which.
    rows : RowBlocks
        Threads to share the work.

    Returns
    -------
    ndarray of shape (n_pairs,), float32
        u·v in the order of `pairs.data`.
    """
    scores = np.empty(pairs.nnz, np.float32)
    indptr = pairs.indptr.astype(np.int64)
    indices = pairs.indices.astype(np.int32, copy=False)
    rows.map(lambda first, end: _score(first, end, indptr, indices, user_vectors, item_factors, scores), indptr)
    return scores


def _equal_work(n_users: int, n_items: int) -> Offsets:
    # a hundred scores are about the work of one rating in a half-epoch
    return np.arange(n_users + 1, dtype=np.int64) * (n_items // 100 + 1)


@compiled
def _select(scores: Floats, indptr: Offsets, excluded: Indices, lists: Indices) -> None:
    n_items, n = scores.shape[1], lists.shape[1]
    best = np.empty(n, np.float32)
    for u in range(len(scores)):
        for position in range(indptr[u], indptr[u + 1]):
            scores[u, excluded[position]] = -np.inf
        best[:] = -np.inf
        for i in range(n_items):
            score = scores[u, i]
            if score > best[n - 1]:
                place = n - 1
                while place > 0 and score > best[place - 1]:
                    best[place] = best[place - 1]
                    lists[u, place] = lists[u, place - 1]
                    place -= 1
                best[place] = score
                lists[u, place] = i


@compiled
def _score(first: int, end: int, indptr: Offsets, indices: Indices, U: Floats, V: Floats, scores: Floats) -> None:
    for u in range(first, end):
        for position in range(indptr[u], indptr[u + 1]):
            v = V[indices[position]]
            score = np.float32(0.0)
            for f in range(U.shape[1]):
                score += U[u, f] * v[f]
            scores[position] = score
