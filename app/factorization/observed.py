"""Sums over the observed pairs Ω."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from app.factorization.arrays import Floats, Indices, Offsets
from app.factorization.compiled import compiled_in_place
from app.factorization.row_blocks import RowBlocks

if TYPE_CHECKING:
    from scipy.sparse import csr_array  # which serving does without


def squared_errors(
    user_items: csr_array,
    user_factors: Floats,
    item_factors: Floats,
    item_weights: Floats,
    unobserved_weight: float,
    weights: Floats | None = None,
    rows: RowBlocks | None = None,
) -> float:
    """Compute Σ_Ω c [w (a − u·v)² − w0 (u·v)²], what observed pairs add to Σ_all c w0 (u·v)².

    Parameters
    ----------
    user_items : csr_array of shape (n_users, n_items), float32
        The targets.
    user_factors : ndarray of shape (n_users, n_factors), float32
        U.
    item_factors : ndarray of shape (n_items, n_factors), float32
        V.
    item_weights : ndarray of shape (n_items,), float32
        c.
    unobserved_weight : float
        w0.
    weights : ndarray of shape (n_ratings,), float32, optional
        w_ui; 1 when not given.
    rows : RowBlocks, optional
        Threads to share the work.

    Returns
    -------
    float
        The sum, in double precision, added in a fixed order.
    """
    given = user_items.data[:0] if weights is None else weights
    indptr = user_items.indptr.astype(np.int64)

    def block(first: int, end: int) -> float:
        return _block_squared_errors(
            first,
            end,
            indptr,
            user_items.indices,
            user_items.data,
            given,
            user_factors,
            item_factors,
            item_weights,
            unobserved_weight,
        )

    return float(sum((rows or RowBlocks()).map(block, indptr)))


@compiled_in_place
def _block_squared_errors(
    first: int,
    end: int,
    indptr: Offsets,
    indices: Indices,
    targets: Floats,
    weights: Floats,
    U: Floats,
    V: Floats,
    c: Floats,
    w0: float,
) -> float:
    total = 0.0
    for u in range(first, end):
        for position in range(indptr[u], indptr[u + 1]):
            i = indices[position]
            v = V[i]
            score = np.float32(0.0)
            for f in range(U.shape[1]):
                score += U[u, f] * v[f]
            weight = weights[position] if weights.size else np.float32(1.0)
            error = np.float64(targets[position]) - np.float64(score)
            square = np.float64(score) * np.float64(score)
            total += c[i] * (weight * error * error - w0 * square)
    return total
