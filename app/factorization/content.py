"""Content: what items are, given as a matrix of items and categories, in place of or beside what users rated."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from app.factorization.arrays import Floats
from app.factorization.objective import gramian


def content_vectors(item_categories: csr_array, n_factors: int) -> Floats:
    """Describe items by their categories: rarer ones count more, every item's vector has length 1.

    Parameters
    ----------
    item_categories : csr_array of shape (n_items, n_categories)
        1 where an item has a category, or any weight.
    n_factors : int
        Principal axes to keep, at most.

    Returns
    -------
    ndarray of shape (n_items, n_axes), float32
        The items in the principal axes of their categories, 1 to n_factors of these; zero without categories.
    """
    n_items, n_categories = item_categories.shape
    n_having = np.bincount(item_categories.indices, minlength=n_categories)
    rarity = np.log((1.0 + n_items) / (1.0 + n_having)) + 1.0
    weighted = item_categories.toarray().astype(np.float64) * rarity
    lengths = np.linalg.norm(weighted, axis=1, keepdims=True)
    unit = np.divide(weighted, lengths, out=np.zeros_like(weighted), where=lengths > 0).astype(np.float32)
    _, axes = np.linalg.eigh(gramian(unit))
    vectors = unit @ axes[:, ::-1][:, :n_factors].astype(np.float32)
    return np.ascontiguousarray(vectors) if n_categories else np.zeros((n_items, 1), np.float32)


def content_bridge(
    item_factors: Floats, item_categories: csr_array, is_trained: NDArray[np.bool_], regularization: float = 1.0
) -> Floats:
    """Learn what an item's vector is like from its categories, so that an item without ratings gets one.

    Ridge regression of the trained items' vectors on their categories c_i and a constant, which is not regularized:

        min_W,b  Σ_trained ‖v_i − b − Wᵀc_i‖² + ρ ‖W‖²

    Parameters
    ----------
    item_factors : ndarray of shape (n_items, n_factors), float32
        V.
    item_categories : csr_array of shape (n_items, n_categories)
        1 where an item has a category.
    is_trained : ndarray of shape (n_items,), bool
        Items that have ratings.
    regularization : float
        ρ, in items: how many it takes to believe a category.

    Returns
    -------
    ndarray of shape (n_items, n_factors), float32
        Every item's vector as its categories would have it.
    """
    content = item_categories.toarray().astype(np.float64)
    known, vectors = content[is_trained], item_factors[is_trained].astype(np.float64)
    if not len(known):
        return np.zeros_like(item_factors, np.float32)
    mean_content, mean_vector = known.mean(axis=0), vectors.mean(axis=0)
    centred = known - mean_content
    ridge = centred.T @ centred + max(regularization, 1e-9) * np.eye(centred.shape[1])
    W = np.linalg.solve(ridge, centred.T @ (vectors - mean_vector))
    bridged = mean_vector + (content - mean_content) @ W
    return np.asarray(bridged, np.float32)
