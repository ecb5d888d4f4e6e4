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
from app.factorization.compiled import compiled_part, inlined
from app.factorization.gathering import Room, gather
from app.factorization.kernels import (
    LANES,
    ROWS,
    add_outer_products,
    add_products,
    larger,
    padded,
    set_inner_products,
    solve_cholesky,
)
from app.factorization.packing import Packed
from app.factorization.side import Side

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
    side: Side, row: int, others: Floats, packed: Packed, shared: Shared, room: Room, solution: Floats
) -> None:
    """Solve one row exactly.

    Parameters
    ----------
    side : Side
        All ratings.
    row : int
        Which row.
    others : ndarray of shape (n_others, n_factors), float32
        v_j, in principal axes.
    packed : Packed
        The same, if they are packed.
    shared : Shared
        What all rows share.
    room : Room
        Room for the row.
    solution : ndarray of shape (n_factors,), float32
        Where u goes, padded.
    """
    start, stop, n_factors = side.indptr[row], side.indptr[row + 1], len(solution)
    pull = np.float32(larger(side.regularization[row], shared.least_regularization))
    w0 = np.float32(shared.unobserved_weight)
    scale, y, system, X = room.work[0], room.work[1], room.system, room.vectors[:0]
    for f in range(n_factors):
        diagonal = w0 * shared.gramian[f] + pull  # D
        y[f] = np.float32(0.0)
        scale[f] = shared.is_free[f] / np.sqrt(diagonal)
        solution[f] = (pull / diagonal if shared.is_free[f] else np.float32(1.0)) * shared.mean[f]  # m
    is_dual = padded(stop - start, ROWS) < n_factors
    n = padded(stop - start, LANES) if is_dual else n_factors
    right = room.work[2][:n] if is_dual else y
    for f in range(n):
        right[f] = np.float32(0.0)
        for g in range(n):
            system[f, g] = np.float32(0.0)
    for first in range(start, stop, len(room.linear)):  # once, in the dual form
        X = room.vectors[: gather(side, first, stop, others, packed, shared.unobserved_weight, room)]
        rescale(X, room.linear, room.quadratic, scale, solution)
        if is_dual:
            for j in range(len(X)):
                right[j] = room.linear[j]
            set_inner_products(X, system)
        else:
            add_outer_products(X, system)
            add_products(X, y, room.zeros, room.linear, y)
    solve_cholesky(system, right)  # y = (XᵀX + I)⁻¹ Xᵀτ
    if is_dual:  # or y = Xᵀ (XXᵀ + I)⁻¹ τ
        add_products(X, y, room.zeros, right, y)
    for f in range(n_factors):
        solution[f] += scale[f] * y[f]


@compiled_part
def rescale(X: Floats, linear: Floats, quadratic: Floats, scale: Floats, mean: Floats) -> None:
    """Turn a row's v_j and l_j, in place, into x_j and τ_j.

    Parameters
    ----------
    X : ndarray of shape (n, n_factors), float32
        v_j; overwritten by x_j.
    linear : ndarray of shape (n or more,), float32
        l_j; overwritten by τ_j.
    quadratic : ndarray of shape (n or more,), float32
        q_j.
    scale : ndarray of shape (n_factors,), float32
        D^(-1/2), zero where the row is pinned.
    mean : ndarray of shape (n_factors,), float32
        m.
    """
    for j in range(len(X)):
        v = X[j]
        root = np.sqrt(larger(quadratic[j], LEAST_CURVATURE))
        at_mean = np.float32(0.0)
        for f in range(len(scale)):
            at_mean += v[f] * mean[f]
            v[f] *= root * scale[f]
        linear[j] = linear[j] / root - root * at_mean


@inlined
def improve_row(
    side: Side,
    row: int,
    others: Floats,
    packed: Packed,
    shared: Shared,
    n_steps: int,
    room: Room,
    solution: Floats,
) -> None:
    """Improve one row by conjugate gradients, preconditioned by the diagonal that A_u is expected to have.

    Parameters
    ----------
    side : Side
        All ratings.
    row : int
        Which row.
    others : ndarray of shape (n_others, n_factors), float32
        v_j, in principal axes.
    packed : Packed
        The same, if they are packed.
    shared : Shared
        What all rows share.
    n_steps : int
        How many steps; at w0 = 0, one step is gradient descent with the best step length.
    room : Room
        Room for the row.
    solution : ndarray of shape (n_factors,), float32
        u before, and after, padded.
    """
    start, stop, n_factors, n_held = side.indptr[row], side.indptr[row + 1], len(solution), len(room.linear)
    work = room.work
    residual, direction, image, diagonal, preconditioner = work[0], work[1], work[2], work[3], work[4]
    pull = np.float32(larger(side.regularization[row], shared.least_regularization))
    w0 = np.float32(shared.unobserved_weight)
    for f in range(n_factors):
        diagonal[f] = w0 * shared.gramian[f] + pull  # D
        residual[f] = pull * shared.mean[f] - diagonal[f] * solution[f]
        direction[f] = np.float32(0.0)
    # Σ_j l_j v_j + λ_u μ − A_u u, which is half the negative gradient
    X, weight = room.vectors[:0], np.float32(0.0)
    for first in range(start, stop, n_held):
        X = room.vectors[: gather(side, first, stop, others, packed, shared.unobserved_weight, room)]
        add_products(X, solution, room.quadratic, room.linear, residual)
        for j in range(len(X)):
            weight += room.quadratic[j]
    mean_weight = weight / np.float32(len(others))
    for f in range(n_factors):  # D + Σ_j q_j v̄², as if the row's v_j were like all others
        preconditioner[f] = shared.is_free[f] / (diagonal[f] + mean_weight * shared.gramian[f])
    before = np.float32(1.0)
    for step in range(n_steps):
        size = np.float32(0.0)
        for f in range(n_factors):
            size += preconditioner[f] * residual[f] * residual[f]
        if not size > np.float32(0.0):
            break
        ratio = size / before if step else np.float32(0.0)
        curvature = np.float32(0.0)
        for f in range(n_factors):
            direction[f] = preconditioner[f] * residual[f] + ratio * direction[f]
            image[f] = -diagonal[f] * direction[f]
            curvature -= image[f] * direction[f]
        needed = image[: n_factors if step + 1 < n_steps else 0]  # −A_u p, which the last step does not need
        for first in range(start, stop, n_held):
            if stop - start > n_held:
                X = room.vectors[: gather(side, first, stop, others, packed, shared.unobserved_weight, room)]
            curvature -= add_products(X, direction, room.quadratic, room.zeros, needed)  # pᵀA_u p
        if not curvature > np.float32(0.0):  # solved as far as single precision goes
            break
        length = size / curvature
        for f in range(n_factors):
            solution[f] += length * direction[f]
            residual[f] += length * image[f]
        before = size
