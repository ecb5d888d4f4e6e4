"""The one row solver: a user's vector from the item vectors of the user's ratings (and an item's from its raters').

In the principal axes of the other side, the part of a row's system that all rows share is diagonal:

    D = w0 Σ_i c_i v_i v_iᵀ + λ_u I
    (D + Σ_j q_j v_j v_jᵀ) u = Σ_j l_j v_j + λ_u μ,      q_j = c_j (w_j − w0),  l_j = c_j w_j a_j

(An item's own c_i multiplies its whole system, so there λ_i / c_i stands for λ_u and c_j for 1.)

Measured from m = D⁻¹ λ_u μ, where a row without ratings lies, and in axes scaled by D^(-1/2), that is a ridge
regression with unit penalty, whose condition is as good as float32 needs it:

    x_j = √q_j D^(-1/2) v_j        τ_j = (l_j − q_j v_j·m) / √q_j        u = m + D^(-1/2) y
    y = (XᵀX + I)⁻¹ Xᵀτ = Xᵀ (XXᵀ + I)⁻¹ τ

The first form costs n_factors² per rating, the second (dual) n_factors per pair of ratings: the smaller system is
solved, by Cholesky.
"""

from typing import NamedTuple

import numpy as np

from app.factorization.arrays import Floats
from app.factorization.compiled import inlined
from app.factorization.kernels import (
    LANES,
    add_outer_products,
    add_products,
    add_squares,
    padded,
    set_inner_products,
    solve_cholesky,
)

LEAST_CURVATURE = np.float32(1e-20)
"""Stands for q_j = 0: a rating that weighs no more than its absence still has a target."""


class Shared(NamedTuple):
    """What the systems of all rows of one side share; arrays are padded with zeros to `LANES`."""

    unobserved_weight: float
    """w0."""

    gramian: Floats
    """The diagonal of Σ_i c_i v_i v_iᵀ, ndarray of shape (n_factors,), float32."""

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
        The diagonal of Σ_i c_i v_i v_iᵀ.
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
    pad = (0, -len(mean) % LANES)
    gramian, mean, is_free = (np.pad(values.astype(np.float32), pad) for values in (gramian, mean, is_free))
    return Shared(float(unobserved_weight), gramian, least, mean, is_free)


@inlined
def solve_row(
    vectors: Floats, linear: Floats, quadratic: Floats, regularization: float, shared: Shared, solution: Floats
) -> None:
    """Solve one row exactly.

    Parameters
    ----------
    vectors : ndarray of shape (n, n_factors), float32
        v_j of the row's ratings, in principal axes, padded to `ROWS` and `LANES`; overwritten by x_j.
    linear : ndarray of shape (n,), float32
        l_j.
    quadratic : ndarray of shape (n,), float32
        q_j.
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
    offsets = np.zeros(padded(n, LANES), np.float32)  # τ
    for j in range(n):
        v = vectors[j]
        root = np.sqrt(max(quadratic[j], LEAST_CURVATURE))
        at_mean = np.float32(0.0)
        for f in range(n_factors):
            at_mean += v[f] * solution[f]
            v[f] *= root * scale[f]
        offsets[j] = linear[j] / root - root * at_mean
    ridge = solve_unit_ridge(vectors, offsets)
    for f in range(n_factors):
        solution[f] += scale[f] * ridge[f]


@inlined
def solve_unit_ridge(X: Floats, offsets: Floats) -> Floats:
    """Solve min_y ‖τ − Xy‖² + ‖y‖².

    Parameters
    ----------
    X : ndarray of shape (n, n_factors), float32
        Rows x_j, padded.
    offsets : ndarray of shape (n or more,), float32
        τ, padded to `LANES`; overwritten.

    Returns
    -------
    ndarray of shape (n_factors,), float32
        y.
    """
    n, n_factors = X.shape
    nothing, y = np.zeros(n, np.float32), np.zeros(n_factors, np.float32)
    if n < n_factors:  # y = Xᵀ (XXᵀ + I)⁻¹ τ
        system = np.zeros((len(offsets), len(offsets)), np.float32)
        set_inner_products(X, system)
        solve_cholesky(system, offsets)
        add_products(X, y, nothing, offsets, y)
    else:  # y = (XᵀX + I)⁻¹ Xᵀτ
        system = np.zeros((n_factors, n_factors), np.float32)
        add_outer_products(X, system)
        add_products(X, y, nothing, offsets, y)
        solve_cholesky(system, y)
    return y


@inlined
def improve_row(
    vectors: Floats,
    linear: Floats,
    quadratic: Floats,
    regularization: float,
    shared: Shared,
    n_steps: int,
    solution: Floats,
    work: Floats,
) -> None:
    """Improve one row by conjugate gradients, preconditioned by the diagonal of A_u.

    Parameters
    ----------
    vectors : ndarray of shape (n, n_factors), float32
        v_j of the row's ratings, in principal axes, padded to `ROWS` and `LANES`.
    linear : ndarray of shape (n,), float32
        l_j.
    quadratic : ndarray of shape (n,), float32
        q_j.
    regularization : float
        λ_u.
    shared : Shared
        What all rows share.
    n_steps : int
        How many steps; at w0 = 0, one step is gradient descent with the best step length.
    solution : ndarray of shape (n_factors,), float32
        u before, and after.
    work : ndarray of shape (5, n_factors), float32
        Room to work in.
    """
    n_factors = vectors.shape[1]
    residual, direction, image, diagonal, preconditioner = work[0], work[1], work[2], work[3], work[4]
    pull = np.float32(max(regularization, shared.least_regularization))
    w0 = np.float32(shared.unobserved_weight)
    for f in range(n_factors):
        diagonal[f] = preconditioner[f] = w0 * shared.gramian[f] + pull  # D
        residual[f] = pull * shared.mean[f] - diagonal[f] * solution[f]
        direction[f] = np.float32(0.0)
    add_squares(vectors, quadratic, preconditioner)
    for f in range(n_factors):
        preconditioner[f] = shared.is_free[f] / preconditioner[f]
    # Σ_j l_j v_j + λ_u μ − A_u u, which is half the negative gradient
    add_products(vectors, solution, quadratic, linear, residual)
    nothing = np.zeros(len(linear), np.float32)
    before = np.float32(1.0)
    for step in range(n_steps):
        size = np.float32(0.0)
        for f in range(n_factors):
            size += preconditioner[f] * residual[f] * residual[f]
        if not size > np.float32(0.0):
            break
        ratio = size / before if step else np.float32(0.0)
        for f in range(n_factors):
            direction[f] = preconditioner[f] * residual[f] + ratio * direction[f]
            image[f] = -diagonal[f] * direction[f]
        add_products(vectors, direction, quadratic, nothing, image)  # −A_u p
        curvature = np.float32(0.0)
        for f in range(n_factors):
            curvature -= direction[f] * image[f]
        if not curvature > np.float32(0.0):  # solved as far as single precision goes
            break
        length = size / curvature
        for f in range(n_factors):
            solution[f] += length * direction[f]
            residual[f] += length * image[f]
        before = size
