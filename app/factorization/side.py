"""The ratings as seen from one side: every user's items, or every item's users."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from app.factorization.arrays import Floats, Indices, Offsets
from app.factorization.objective import Hyperparameters, row_regularization


class Side(NamedTuple):
    """Rows, their ratings and their regularization."""

    indptr: Offsets
    """Where each row's ratings begin, ndarray of shape (n_rows + 1,), int64."""

    indices: Indices
    """The other side's rows, ndarray of shape (n_ratings,), int32, ascending within a row."""

    targets: Floats
    """a_ui, ndarray of shape (n_ratings,), float32."""

    weights: Floats
    """w_ui, ndarray of shape (n_ratings,), float32; of shape (0,) when all are 1."""

    regularization: Floats
    """λ_u, ndarray of shape (n_rows,), float32."""


def both_sides(
    user_items: csr_array, hyperparameters: Hyperparameters, weights: Floats | None = None
) -> tuple[Side, Side]:
    """See the ratings from both sides.

    Parameters
    ----------
    user_items : csr_array of shape (n_users, n_items), float32
        The targets a_ui in [0, 1]; a stored zero is observed.
    hyperparameters : Hyperparameters
        λ, ν and w0.
    weights : ndarray of shape (n_ratings,), float32, optional
        w_ui in the order of `user_items.data`, at least w0; 1 when not given.

    Returns
    -------
    tuple of Side
        Users and items.
    """
    item_users = user_items.T.tocsr()
    item_weights: Floats | None = None
    if weights is not None:
        like = csr_array((weights, user_items.indices, user_items.indptr), shape=user_items.shape)
        item_weights = np.asarray(like.T.tocsr().data, np.float32)
    return _side(user_items, hyperparameters, weights), _side(item_users, hyperparameters, item_weights)


def _side(matrix: csr_array, hyperparameters: Hyperparameters, weights: Floats | None) -> Side:
    indptr = matrix.indptr.astype(np.int64)
    return Side(
        indptr=indptr,
        indices=matrix.indices.astype(np.int32, copy=False),
        targets=matrix.data.astype(np.float32, copy=False),
        weights=np.empty(0, np.float32) if weights is None else weights.astype(np.float32, copy=False),
        regularization=row_regularization(np.diff(indptr), matrix.shape[1], hyperparameters),
    )
