"""What the choice of items to rate says about a user, whatever the ratings: where the user's vector is expected.

People rate what they chose to watch, so the bare set Ω_u already tells tastes apart. Where values are predicted
(w0 = 0, with biases), a user is pulled to an expectation made of that set, and an item to one made of its raters:

    p_u = μ + |Ω_u|^(−½) Σ_{j∈Ω_u} y_j        q_i = μ_I + |Ω_i|^(−½) Σ_{u∈Ω_i} z_u

    L = … + Σ_u λ_u ‖u_u − p_u‖² + Σ_i λ_i ‖v_i − q_i‖² + λ_y (‖Y‖² + ‖Z‖²)

With the vectors held, Y is the solution of a sparse ridge regression, as is Z. A user's vector stays a function of that
user's ratings now.

References
----------
Y. Koren, "Factorization meets the neighborhood", 2008, adds such a sum to the user's vector; here it is the mean of its
prior, so that one row solve folds users in. S. Rendle, L. Zhang, Y. Koren, "On the difficulty of evaluating baselines",
2019, for what taking both sides' choices into account is worth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from app.factorization.arrays import Doubles, Floats, Indices, Offsets

if TYPE_CHECKING:
    from scipy.sparse import csr_array  # which serving does without

N_STEPS = 8
"""Conjugate-gradient steps per epoch; they start where the epoch before ended."""


def selection_matrix(indptr: Offsets, indices: Indices, n_others: int) -> csr_array:
    """Build X, which has |Ω_u|^(−½) where row u has a rating.

    Parameters
    ----------
    indptr : ndarray of shape (n_rows + 1,), int64
        Where each row's ratings begin.
    indices : ndarray of shape (n_ratings,), int32
        What is rated.
    n_others : int
        Rows of the other side.

    Returns
    -------
    csr_array of shape (n_rows, n_others), float32
        X, so that X Y holds the rows' expectations beyond the mean.
    """
    from scipy.sparse import csr_array

    n_ratings = np.diff(indptr)
    each = np.maximum(n_ratings, 1).astype(np.float32) ** np.float32(-0.5)
    return csr_array((np.repeat(each, n_ratings), indices, indptr), shape=(len(n_ratings), n_others))


def solve_selection(chosen: csr_array, row_weights: Floats, apart: Floats, start: Floats, penalty: float) -> Floats:
    """Improve Y, towards the least Σ_u λ_u ‖d_u − x_u Y‖² + λ_y ‖Y‖², where d_u is how far u_u lies from the mean.

    Parameters
    ----------
    chosen : csr_array of shape (n_rows, n_others), float32
        X.
    row_weights : ndarray of shape (n_rows,), float32
        λ_u.
    apart : ndarray of shape (n_rows, n_factors), float32
        d.
    start : ndarray of shape (n_others, n_factors), float32
        Y before.
    penalty : float
        λ_y.

    Returns
    -------
    ndarray of shape (n_others, n_factors), float32
        Y after `N_STEPS` conjugate-gradient steps, each coordinate its own; none makes the loss worse.
    """
    λ = row_weights[:, None].astype(np.float64)
    Y = start.astype(np.float64)

    def curvature(direction: Doubles) -> Doubles:
        product: Doubles = chosen.T @ (λ * (chosen @ direction)) + penalty * direction
        return product

    residual: Doubles = chosen.T @ (λ * apart) - curvature(Y)
    direction = residual
    size = np.sum(residual**2, axis=0)
    for _ in range(N_STEPS):
        image = curvature(direction)
        length = size / np.maximum(np.sum(direction * image, axis=0), np.finfo(np.float64).tiny)
        Y += length * direction
        residual = residual - length * image
        before, size = size, np.sum(residual**2, axis=0)
        direction = residual + size / np.maximum(before, np.finfo(np.float64).tiny) * direction
    return Y.astype(np.float32)


def beyond_expectation(chosen: csr_array, targets: Floats, others: Floats, shifts: Floats) -> Floats:
    """Lessen every target by what the rows' expectations beyond the mean say of it.

    Solving with these targets and the mean gives u_u − x_u Y: what the ratings say beyond the choice of items.

    Parameters
    ----------
    chosen : csr_array of shape (n_rows, n_others), float32
        X.
    targets : ndarray of shape (n_ratings,), float32
        a_ui.
    others : ndarray of shape (n_others, n_factors), float32
        The other side's vectors.
    shifts : ndarray of shape (n_rows, n_factors), float32
        X Y.

    Returns
    -------
    ndarray of shape (n_ratings,), float32
        a_ui − v_i·(x_u Y).
    """
    rows = np.repeat(np.arange(len(shifts)), np.diff(chosen.indptr))
    lessened = targets.copy()
    for start in range(0, len(rows), 1 << 20):
        part = slice(start, start + (1 << 20))
        lessened[part] -= np.einsum("rf,rf->r", shifts[rows[part]], others[chosen.indices[part]])
    return lessened
