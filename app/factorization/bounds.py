"""Bounds of scores from vectors in one byte a number, a block of items at a time; every search shares them.

The names are those of `QuantizedVectors`: q, r, s and w.
"""

import numpy as np
from numpy.typing import NDArray

from app.factorization.arrays import Floats
from app.factorization.compiled import compiled
from app.factorization.quantized import COLUMNS_AT_ONCE, GREATEST_LEVEL, ITEMS_PER_BLOCK

# halves are exceeded by rounding in the division, products and sums by less than this for each number added
_HALF = 0.5001
_UNIT = 2.0**-23
_SPARE_ADDITIONS = 32


@compiled
def prepared(users: Floats, scales: Floats, n_columns: int) -> tuple[Floats, Floats]:
    """Prepare users for a search.

    Parameters
    ----------
    users : ndarray of shape (n_users, n_factors), float32
        u.
    scales : ndarray of shape (n_factors,), float32
        r.
    n_columns : int
        n_factors, padded.

    Returns
    -------
    weights : ndarray of shape (n_users, n_columns), float32
        w = r ∘ u.
    slack : ndarray of shape (n_users,), float32
        Σ_f |w_f| / 2, with what rounding may add.
    """
    n_users, n_factors = users.shape
    weights, slack = np.zeros((n_users, n_columns), np.float32), np.empty(n_users, np.float32)
    half = _HALF + _UNIT * GREATEST_LEVEL * (n_columns + _SPARE_ADDITIONS)
    for user in range(n_users):
        total = 0.0
        for f in range(n_factors):
            weights[user, f] = users[user, f] * scales[f]
            total += abs(np.float64(weights[user, f]))
        slack[user] = np.float32(total * half)
    return weights, slack


@compiled
def set_bounds(levels: NDArray[np.int8], steps: Floats, weights: Floats, slack: np.float32, bounds: Floats) -> None:
    """Bound the scores of a block's items from above, by s (q·w + Σ_f |w_f| / 2).

    Parameters
    ----------
    levels : ndarray of shape (n_columns, ITEMS_PER_BLOCK), int8
        q.
    steps : ndarray of shape (ITEMS_PER_BLOCK,), float32
        s.
    weights : ndarray of shape (n_columns,), float32
        w.
    slack : float32
        Σ_f |w_f| / 2, with what rounding may add.
    bounds : ndarray of shape (ITEMS_PER_BLOCK,), float32
        Where they go.
    """
    for place in range(ITEMS_PER_BLOCK):
        bounds[place] = slack
    for f in range(0, len(weights), COLUMNS_AT_ONCE):
        a, b, c, d = weights[f], weights[f + 1], weights[f + 2], weights[f + 3]
        p, q, r, s = levels[f], levels[f + 1], levels[f + 2], levels[f + 3]
        for place in range(ITEMS_PER_BLOCK):
            bounds[place] += (
                a * np.float32(p[place])
                + b * np.float32(q[place])
                + c * np.float32(r[place])
                + d * np.float32(s[place])
            )
    for place in range(ITEMS_PER_BLOCK):
        bounds[place] *= steps[place]
