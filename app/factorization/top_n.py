"""The best n items for a vector, exactly."""

import numpy as np
from numpy.typing import NDArray

from app.factorization.arrays import Floats


def top_n(
    item_factors: Floats, user_vector: Floats, n: int, *, excluded: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.intp], Floats]:
    """Find the n items with the highest scores v_i·u.

    Parameters
    ----------
    item_factors : ndarray of shape (n_items, n_factors), float32
        V; may be a memory map.
    user_vector : ndarray of shape (n_factors,), float32
        u.
    n : int
        How many.
    excluded : ndarray of shape (n_items,), bool, optional
        Items that must not come.

    Returns
    -------
    item_indices : ndarray of shape (min(n, items left),), intp
        Best first, ties by ascending index.
    scores : ndarray of the same shape, float32
        Their scores.
    """
    return _best(item_factors @ user_vector, n, excluded)


def similar_items(
    item_factors: Floats, item_index: int, n: int, *, excluded: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.intp], Floats]:
    """Find the n items whose vectors point most nearly where an item's vector points.

    Parameters
    ----------
    item_factors : ndarray of shape (n_items, n_factors), float32
        V.
    item_index : int
        The item; not among the answers.
    n : int
        How many.
    excluded : ndarray of shape (n_items,), bool, optional
        Items that must not come.

    Returns
    -------
    item_indices : ndarray of shape (min(n, items left),), intp
        Most similar first, ties by ascending index.
    cosines : ndarray of the same shape, float32
        Cosines; 0 where a vector is zero.
    """
    norms = np.sqrt(np.einsum("if,if->i", item_factors, item_factors))
    scale = norms * norms[item_index]
    products = item_factors @ item_factors[item_index]
    cosines = np.divide(products, scale, out=np.zeros_like(products), where=scale > 0)
    others = np.zeros(len(item_factors), np.bool_) if excluded is None else excluded.copy()
    others[item_index] = True
    return _best(cosines, n, others)


def _best(scores: Floats, n: int, excluded: NDArray[np.bool_] | None) -> tuple[NDArray[np.intp], Floats]:
    allowed = np.arange(len(scores)) if excluded is None else np.flatnonzero(~excluded)
    left = scores[allowed]
    if 0 < n < len(left):
        # everything at or above the n-th best score, so that ties at the edge are broken by index too
        least = np.partition(left, len(left) - n)[len(left) - n]
        kept = left >= least
        allowed, left = allowed[kept], left[kept]
    order = np.argsort(-left, kind="stable")[: max(n, 0)]
    return allowed[order], left[order]
