"""The axes in which one side's Gramian is diagonal, and the mean user in them."""

from functools import partial

import numpy as np

from app.factorization.arrays import Doubles, Floats
from app.factorization.objective import Factors, gramian
from app.factorization.row_blocks import RowBlocks


def in_principal_axes(
    held: Floats, moved: Floats, unobserved_weight: float, rows: RowBlocks, held_weights: Floats | None = None
) -> Floats:
    """Rotate both sides, in place, into the axes in which the held side's Gramian is diagonal; no score changes.

    Where w0 = 0, no row needs the Gramian, and everything stays as it is.

    Parameters
    ----------
    held : ndarray of shape (n_rows, n_factors), float32
        The side whose Gramian becomes diagonal; overwritten.
    moved : ndarray of shape (n_others, n_factors), float32
        The side that goes along; overwritten.
    unobserved_weight : float
        w0.
    rows : RowBlocks
        Threads to share the work.
    held_weights : ndarray of shape (n_rows,), float32, optional
        c, where the held side is the items; 1 when not given.

    Returns
    -------
    ndarray of shape (n_factors,), float32
        The diagonal of the held side's Gramian, descending where w0 > 0.
    """
    of_held = gramian(held, held_weights, rows)
    if not unobserved_weight:
        squares: Doubles = np.diag(of_held)
        return squares.astype(np.float32)
    squares, axes = np.linalg.eigh(of_held)
    rotation = np.ascontiguousarray(axes[:, ::-1], np.float32)
    for vectors in (held, moved):
        rows.map_slices(partial(_rotate, vectors, rotation), len(vectors))
    return np.maximum(squares[::-1], 0.0).astype(np.float32)


def _rotate(vectors: Floats, rotation: Floats, part: slice) -> None:
    vectors[part] = vectors[part] @ rotation


def mean_user_of(factors: Factors, regularization: Floats) -> Floats:
    """Compute μ, the mean of the users' vectors, each weighing its λ_u: there the loss is least.

    Parameters
    ----------
    factors : Factors
        U; and where users are pinned, and at what.
    regularization : ndarray of shape (n_users,), float32
        λ_u.

    Returns
    -------
    ndarray of shape (n_factors,), float32
        μ.
    """
    U, total = factors.user_factors, float(regularization.sum(dtype=np.float64))
    mean = np.zeros(U.shape[1])
    if factors.hyperparameters.has_mean_user and total > 0.0:
        mean = np.einsum("u,uf->f", regularization, U, dtype=np.float64) / total
    return np.where(factors.user_is_free > 0, mean, factors.mean_user).astype(np.float32)
