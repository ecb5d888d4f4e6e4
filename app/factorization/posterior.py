"""What a user's ratings leave unknown: the normal distribution whose mean folding in computes.

The loss of one user's row is, up to a constant, (u − û)ᵀ A_u (u − û). Read as a negative logarithm of a probability,
with ratings whose chance part has the standard deviation s, it is a normal distribution:

    u ~ N(û, s² A_u⁻¹),      A_u = w0 Σ_i c_i v_i v_iᵀ + Σ_j c_j (w_j − w0) v_j v_jᵀ + λ_u I
"""

import numpy as np
from numpy.typing import ArrayLike

from app.factorization.arrays import Doubles, Floats
from app.factorization.fold_in import FoldIn
from app.factorization.objective import row_regularization


def precision(fold_in: FoldIn, rated: ArrayLike, weights: ArrayLike | None = None) -> Doubles:
    """Compute A_u.

    Parameters
    ----------
    fold_in : FoldIn
        The model's.
    rated : array_like of shape (n,), int
        The user's rated items.
    weights : array_like of shape (n,), optional
        w_ui; 1 when not given.

    Returns
    -------
    ndarray of shape (n_factors, n_factors), float64
        Positive definite; where users are pinned at μ, the unit matrix.
    """
    rated, k = np.asarray(rated, np.intp), fold_in.item_factors.shape[1]
    shared, is_free = fold_in.shared, _is_free(fold_in)
    λ = float(row_regularization(len(rated), fold_in.n_items, fold_in.hyperparameters)[0])
    diagonal = shared.unobserved_weight * shared.gramian[:k].astype(np.float64) + max(λ, shared.least_regularization)
    free = fold_in.item_factors[rated].astype(np.float64) * is_free
    w = np.ones(len(rated)) if weights is None else np.asarray(weights, np.float64)
    quadratic = (w - shared.unobserved_weight) * fold_in.item_weights[rated].astype(np.float64)
    system: Doubles = np.diag(np.where(is_free > 0, diagonal, 1.0)) + (free.T * quadratic) @ free
    return system


def _is_free(fold_in: FoldIn) -> Doubles:
    is_free: Doubles = fold_in.shared.is_free[: fold_in.item_factors.shape[1]].astype(np.float64)
    return is_free


def sample_user(
    fold_in: FoldIn,
    rated: ArrayLike,
    mean: Floats,
    deviation: float,
    rng: np.random.Generator,
    weights: ArrayLike | None = None,
) -> Floats:
    """Draw a user's vector from what is known of the user (Thompson sampling).

    Parameters
    ----------
    fold_in : FoldIn
        The model's.
    rated : array_like of shape (n,), int
        The user's rated items.
    mean : ndarray of shape (n_factors,), float32
        û, from folding in.
    deviation : float
        s, where the whole rating scale is 1.
    rng : numpy.random.Generator
        The source of chance.
    weights : array_like of shape (n,), optional
        w_ui; 1 when not given.

    Returns
    -------
    ndarray of shape (n_factors,), float32
        u.

    References
    ----------
    Chapelle and Li, An empirical evaluation of Thompson sampling, NeurIPS 2011.
    """
    L = np.linalg.cholesky(precision(fold_in, rated, weights))
    drawn = np.linalg.solve(L.T, rng.standard_normal(len(mean))) * _is_free(fold_in)
    return np.asarray(mean + deviation * drawn, np.float32)


def score_variances(fold_in: FoldIn, rated: ArrayLike, shown: Floats) -> Doubles:
    """Say how little is known of a user's scores.

    Parameters
    ----------
    fold_in : FoldIn
        The model's.
    rated : array_like of shape (n,), int
        The user's rated items.
    shown : ndarray of shape (n_shown, n_factors), float32
        v_i of the items to be scored.

    Returns
    -------
    ndarray of shape (n_shown,), float64
        v_iᵀ A_u⁻¹ v_i: the variance of a score, in units of s².
    """
    free = shown.astype(np.float64) * _is_free(fold_in)
    return np.asarray(np.einsum("if,fi->i", free, np.linalg.solve(precision(fold_in, rated), free.T)))
