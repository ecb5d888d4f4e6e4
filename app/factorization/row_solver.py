"""The one row solver: a user's vector from the item vectors of the user's ratings (and an item's from its raters').

In the principal axes of the other side, the part of a row's system that all rows share is diagonal:

    D = w0 · diag(VᵀV) + λ_u I
    (D + Σ_j c_j v_j v_jᵀ) u = Σ_j w_j a_j v_j + λ_u μ,      c_j = w_j − w0

Measured from m = D⁻¹ λ_u μ, where a row without ratings lies, and in axes scaled by D^(-1/2), that is a ridge
regression with unit penalty, whose condition is as good as float32 needs it:

    x_j = √c_j D^(-1/2) v_j        τ_j = (w_j a_j − c_j v_j·m) / √c_j        u = m + D^(-1/2) y
    y = (XᵀX + I)⁻¹ Xᵀτ = Xᵀ (XXᵀ + I)⁻¹ τ

The first form costs n_factors² per rating, the second (dual) n_factors per pair of ratings: the smaller system is
solved, by Cholesky.
"""

import numpy as np

from app.factorization.arrays import Floats
from app.factorization.cholesky import add_inner_products, add_outer_products, solve_cholesky
from app.factorization.compiled import compiled


@compiled
def solve_row(
    vectors: Floats,
    targets: Floats,
    weights: Floats,
    unobserved_weight: float,
    gramian: Floats,
    regularization: float,
    floor: float,
    mean: Floats,
    solution: Floats,
) -> None:
    """Solve one row exactly.

    Parameters
    ----------
    vectors : ndarray of shape (n, n_factors), float32
        v_j of the row's ratings, in principal axes; overwritten.
    targets : ndarray of shape (n,), float32
        a_j.
    weights : ndarray of shape (n,), float32
        w_j, or of shape (0,) when all are 1.
    unobserved_weight : float
        w0.
    gramian : ndarray of shape (n_factors,), float32
        The diagonal of VᵀV.
    regularization : float
        λ_u.
    floor : float
        The least regularization that keeps a singular system solvable, see `least_regularization`.
    mean : ndarray of shape (n_factors,), float32
        μ.
    solution : ndarray of shape (n_factors,), float32
        Where u goes.
    """
    n, n_factors = vectors.shape
    scale = np.empty(n_factors, np.float32)
    for f in range(n_factors):
        shared = np.float32(unobserved_weight * gramian[f] + max(regularization, floor))  # D_ff
        scale[f] = np.float32(1.0) / np.sqrt(shared)
        solution[f] = np.float32(regularization) * mean[f] / shared  # m
    offsets = np.empty(n, np.float32)  # τ
    for j in range(n):
        weight = weights[j] if weights.size else np.float32(1.0)
        # a rating that weighs no more than its absence still has a target: c_j is not quite zero
        root = np.sqrt(max(weight - np.float32(unobserved_weight), np.float32(1e-10) * weight))
        at_mean = np.float32(0.0)
        for f in range(n_factors):
            at_mean += vectors[j, f] * solution[f]
            vectors[j, f] *= root * scale[f]
        offsets[j] = weight * targets[j] / root - root * at_mean
    ridge = solve_unit_ridge(vectors, offsets)
    for f in range(n_factors):
        solution[f] += scale[f] * ridge[f]


@compiled
def solve_unit_ridge(X: Floats, offsets: Floats) -> Floats:
    """Solve min_y ‖τ − Xy‖² + ‖y‖².

    Parameters
    ----------
    X : ndarray of shape (n, n_factors), float32
        Rows x_j.
    offsets : ndarray of shape (n,), float32
        τ.

    Returns
    -------
    ndarray of shape (n_factors,), float32
        y.
    """
    n, n_factors = X.shape
    if n < n_factors:  # y = Xᵀ (XXᵀ + I)⁻¹ τ
        system = np.zeros((n, n), np.float32)
        add_inner_products(X, system)
        multipliers = offsets.copy()
        solve_cholesky(system, multipliers)
    else:  # y = (XᵀX + I)⁻¹ Xᵀτ
        multipliers = offsets
    y = np.zeros(n_factors, np.float32)
    for j in range(n):
        for f in range(n_factors):
            y[f] += multipliers[j] * X[j, f]
    if n >= n_factors:
        system = np.zeros((n_factors, n_factors), np.float32)
        add_outer_products(X, system)
        solve_cholesky(system, y)
    return y


def least_regularization(gramian: Floats, n_rows: int) -> float:
    """Compute how much regularization a row's system needs at least, so that single precision can solve it.

    Parameters
    ----------
    gramian : ndarray of shape (n_factors,), float32
        The diagonal of VᵀV.
    n_rows : int
        Rows of V.

    Returns
    -------
    float
        A millionth of the strongest axis' mean square.
    """
    strongest = float(gramian.max(initial=0.0))
    return max(1e-6 * strongest / max(n_rows, 1), 1e-30)
