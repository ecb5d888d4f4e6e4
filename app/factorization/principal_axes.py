"""The axes in which one side's Gramian is diagonal, and the mean user in them."""

from functools import partial

import numpy as np

from app.factorization.arrays import Doubles, Floats
from app.factorization.objective import Factors, gramian
from app.factorization.row_blocks import RowBlocks


def in_principal_axes(held: Floats, moved: Floats, unobserved_weight: float, rows: RowBlocks) -> Floats:
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

    Returns
    -------
    ndarray of shape (n_factors,), float32
        The diagonal of the held side's Gramian, descending where w0 > 0.
    """
    of_held = gramian(held, rows)
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


def mean_user_of(user_factors: Floats, regularization: Floats, strength: float, factors: Factors) -> Floats:
    """Compute μ: the mean of the users' vectors, each weighing its λ_u, where the loss is least; times the strength.

    Parameters
    ----------
    user_factors : ndarray of shape (n_users, n_factors), float32
        U.
    regularization : ndarray of shape (n_users,), float32
        λ_u.
    strength : float
        Multiplies the mean.
    factors : Factors
        Says where users are pinned, and at what.

    Returns
    -------
    ndarray of shape (n_factors,), float32
        μ.
    """
    total = float(regularization.sum(dtype=np.float64))
    mean = np.zeros(user_factors.shape[1])
    if strength > 0.0 and total > 0.0:
        mean = strength / total * np.einsum("u,uf->f", regularization, user_factors, dtype=np.float64)
    return np.where(factors.user_is_free > 0, mean, factors.mean_user).astype(np.float32)
