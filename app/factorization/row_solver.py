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

from typing import NamedTuple

import numpy as np

from app.factorization.arrays import Floats
from app.factorization.cholesky import add_inner_products, add_outer_products, solve_cholesky
from app.factorization.compiled import compiled


class Shared(NamedTuple):
    """What the systems of all rows of one side share."""

    unobserved_weight: float
    """w0."""

    gramian: Floats
    """The diagonal of VᵀV, ndarray of shape (n_factors,), float32."""

    least_regularization: float
    """What keeps a system solvable in single precision where λ_u is smaller."""

    mean: Floats
    """μ, ndarray of shape (n_factors,), float32."""

    is_free: Floats
    """1 where a row may move, 0 where it is pinned at μ, ndarray of shape (n_factors,), float32."""


def shared_by_rows(unobserved_weight: float, gramian: Floats, n_others: int, mean: Floats, is_free: Floats) -> Shared:
    """Gather what all rows share.

    Parameters
    ----------
    unobserved_weight : float
        w0.
    gramian : ndarray of shape (n_factors,), float32
        The diagonal of VᵀV.
    n_others : int
        Rows of V.
    mean : ndarray of shape (n_factors,), float32
        μ.
    is_free : ndarray of shape (n_factors,), float32
        1 where a row may move, 0 where it is pinned at μ.

    Returns
    -------
    Shared
        With at least a millionth of the strongest axis' mean square as regularization.
    """
    least = max(1e-6 * float(gramian.max(initial=0.0)) / max(n_others, 1), 1e-30)
    gramian, mean, is_free = (np.array(values, np.float32) for values in (gramian, mean, is_free))
    return Shared(float(unobserved_weight), gramian, least, mean, is_free)


@compiled
def solve_row(
    vectors: Floats, targets: Floats, weights: Floats, regularization: float, shared: Shared, solution: Floats
) -> None:
    """Solve one row exactly.

    Parameters
    ----------
    vectors : ndarray of shape (n, n_factors), float32
        v_j of the row's ratings, in principal axes; overwritten by x_j.
    targets : ndarray of shape (n,), float32
        a_j.
    weights : ndarray of shape (n,), float32
        w_j, or of shape (0,) when all are 1.
    regularization : float
        λ_u.
    shared : Shared
        What all rows share.
    solution : ndarray of shape (n_factors,), float32
        Where u goes.
    """
    n, n_factors = vectors.shape
    pull = np.float32(max(regularization, shared.least_regularization))
    w0 = np.float32(shared.unobserved_weight)
    scale = np.empty(n_factors, np.float32)
    for f in range(n_factors):
        diagonal = w0 * shared.gramian[f] + pull  # D
        scale[f] = shared.is_free[f] / np.sqrt(diagonal)
        solution[f] = (pull / diagonal if shared.is_free[f] else np.float32(1.0)) * shared.mean[f]  # m
    offsets = np.empty(n, np.float32)  # τ
    for j in range(n):
        weight = weights[j] if weights.size else np.float32(1.0)
        # a rating that weighs no more than its absence still has a target: c_j is not quite zero
        root = np.sqrt(max(weight - w0, np.float32(1e-10) * weight))
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
    multipliers = offsets
    if n < n_factors:  # y = Xᵀ (XXᵀ + I)⁻¹ τ
        system = np.zeros((n, n), np.float32)
        add_inner_products(X, system)
        multipliers = offsets.copy()
        solve_cholesky(system, multipliers)
    y = np.zeros(n_factors, np.float32)
    for j in range(n):
        for f in range(n_factors):
            y[f] += multipliers[j] * X[j, f]
    if n >= n_factors:  # y = (XᵀX + I)⁻¹ Xᵀτ
        system = np.zeros((n_factors, n_factors), np.float32)
        add_outer_products(X, system)
        solve_cholesky(system, y)
    return y


@compiled
def improve_row(
    vectors: Floats,
    targets: Floats,
    weights: Floats,
    regularization: float,
    shared: Shared,
    n_steps: int,
    solution: Floats,
) -> None:
    """Improve one row by conjugate gradients, preconditioned by D.

    Parameters
    ----------
    vectors : ndarray of shape (n, n_factors), float32
        v_j of the row's ratings, in principal axes.
    targets : ndarray of shape (n,), float32
        a_j.
    weights : ndarray of shape (n,), float32
        w_j, or of shape (0,) when all are 1.
    regularization : float
        λ_u.
    shared : Shared
        What all rows share.
    n_steps : int
        How many steps; at w0 = 0, one step is gradient descent with the best step length.
    solution : ndarray of shape (n_factors,), float32
        u before, and after.
    """
    n, n_factors = vectors.shape
    pull = np.float32(max(regularization, shared.least_regularization))
    w0 = np.float32(shared.unobserved_weight)
    diagonal = np.empty(n_factors, np.float32)
    residual = np.empty(n_factors, np.float32)
    direction = np.zeros(n_factors, np.float32)
    image = np.empty(n_factors, np.float32)
    for f in range(n_factors):
        diagonal[f] = w0 * shared.gramian[f] + pull  # D
        residual[f] = pull * shared.mean[f] - diagonal[f] * solution[f]
    for j in range(n):  # r = Σ_j w_j a_j v_j + λ_u μ − A_u u
        weight = weights[j] if weights.size else np.float32(1.0)
        product = np.float32(0.0)
        for f in range(n_factors):
            product += vectors[j, f] * solution[f]
        error = weight * targets[j] - (weight - w0) * product
        for f in range(n_factors):
            residual[f] += error * vectors[j, f]
    before = np.float32(1.0)
    for step in range(n_steps):
        size = np.float32(0.0)  # r·D⁻¹r
        for f in range(n_factors):
            size += shared.is_free[f] * residual[f] * residual[f] / diagonal[f]
        if not size > np.float32(0.0):
            return
        ratio = size / before if step else np.float32(0.0)
        for f in range(n_factors):
            direction[f] = shared.is_free[f] * residual[f] / diagonal[f] + ratio * direction[f]
            image[f] = diagonal[f] * direction[f]
        for j in range(n):  # A_u p
            weight = weights[j] if weights.size else np.float32(1.0)
            product = np.float32(0.0)
            for f in range(n_factors):
                product += vectors[j, f] * direction[f]
            product *= weight - w0
            for f in range(n_factors):
                image[f] += product * vectors[j, f]
        curvature = np.float32(0.0)
        for f in range(n_factors):
            curvature += direction[f] * image[f]
        length = size / curvature
        for f in range(n_factors):
            solution[f] += length * direction[f]
            residual[f] -= length * image[f]
        before = size
