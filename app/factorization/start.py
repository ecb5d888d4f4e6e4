"""Where a fit starts."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from app.factorization.hyperparameters import Hyperparameters
from app.factorization.objective import Factors, FactorsOf, item_weight, mean_discount_of, ratings_per_item
from app.factorization.prefetching import cache_aligned
from app.factorization.row_blocks import RowBlocks
from app.factorization.selection import selection_matrix

NEAR_ZERO = 0.1
"""How long a vector is at the start: where taste grows from little, few epochs find its strong axes first."""

USER_BIAS, ITEM_BIAS = 0, 1
"""The axes of the biases, where there are any: on the first every item is 1, on the second every user."""


def random_start(
    user_items: csr_array, hyperparameters: Hyperparameters, rng: np.random.Generator, rows: RowBlocks | None = None
) -> Factors:
    """Draw users' vectors to start from; items start at the mean item.

    Parameters
    ----------
    user_items : csr_array of shape (n_users, n_items), float32
        Says how many users and items there are, and what the mean target is.
    hyperparameters : Hyperparameters
        Says how many factors.
    rng : numpy.random.Generator
        The source of chance.
    rows : RowBlocks, optional
        Threads to share the work.

    Returns
    -------
    Factors
        The start.
    """
    n_users, n_items = user_items.shape
    k = hyperparameters.n_axes
    # each user starts at a random combination of what it rated, near zero: |Ω_u|^(−½) Σ_j g_j
    G = rng.random((n_items, k), np.float32)
    G -= np.float32(0.5)
    G *= np.float32(NEAR_ZERO * (12.0 / hyperparameters.n_factors) ** 0.5)  # variances sum to NEAR_ZERO²
    U, V = cache_aligned(n_users, k), cache_aligned(n_items, k)

    def combine(part: slice) -> None:
        chosen = user_items[part]
        U[part] = selection_matrix(chosen.indptr.astype(np.int64), chosen.indices, n_items) @ G

    (rows or RowBlocks()).map_slices(combine, n_users)
    mean_user, mean_item = np.zeros(k, np.float32), np.zeros(k, np.float32)
    user_is_free, item_is_free = np.ones(k, np.float32), np.ones(k, np.float32)
    if hyperparameters.has_biases:
        mean_user[ITEM_BIAS] = mean_item[USER_BIAS] = 1.0
        user_is_free[ITEM_BIAS] = item_is_free[USER_BIAS] = 0.0
        mean_item[ITEM_BIAS] = user_items.data.mean(dtype=np.float64) if user_items.nnz else 0.0
        U[:, USER_BIAS], U[:, ITEM_BIAS] = 0.0, 1.0
    V[:] = mean_item
    n_ratings = ratings_per_item(user_items)
    Z = mean_discount_of(n_ratings, hyperparameters)
    return Factors(
        user_factors=U,
        item_factors=V,
        mean_user=mean_user,
        mean_item=mean_item,
        user_is_free=user_is_free,
        item_is_free=item_is_free,
        item_gramian=np.zeros(k, np.float32),
        item_weights=item_weight(n_ratings, Z, hyperparameters),
        mean_discount=Z,
        item_selection=np.zeros((n_items if hyperparameters.has_selection else 0, k), np.float32),
        user_selection=np.zeros((n_users if hyperparameters.has_selection else 0, k), np.float32),
        hyperparameters=hyperparameters,
    )


def warm_start(drawn: Factors, known: Factors) -> Factors:
    """Replace what was drawn by what is known, for the first users and items and the first factors.

    Parameters
    ----------
    drawn : Factors
        A random start; its vectors are overwritten.
    known : Factors
        An earlier fit, perhaps of fewer users, items or factors.

    Returns
    -------
    Factors
        The start.
    """
    both = (drawn.user_factors, known.user_factors), (drawn.item_factors, known.item_factors)
    for vectors, earlier in both:
        n, k = min(len(vectors), len(earlier)), min(vectors.shape[1], earlier.shape[1])
        vectors[:n, :k] = earlier[:n, :k]
    return drawn


def rearranged(known: FactorsOf[Any], user_rows: NDArray[np.intp], item_rows: NDArray[np.intp]) -> Factors:
    """Put the vectors of a fit in another order, with a mean vector for whoever is new; to start from.

    Parameters
    ----------
    known : FactorsOf
        An earlier fit.
    user_rows : ndarray of shape (n_users,), intp
        Each user's row in it, or -1.
    item_rows : ndarray of shape (n_items,), intp
        Each item's row in it, or -1.

    Returns
    -------
    Factors
        Only its vectors are rearranged: for ``warm_start``.
    """
    U = np.where(user_rows[:, None] >= 0, known.user_factors[user_rows], known.mean_user)
    V = np.where(item_rows[:, None] >= 0, known.item_factors[item_rows], known.mean_item)
    return replace(known, user_factors=U, item_factors=V)
