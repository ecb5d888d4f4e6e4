"""The ratings as seen from one side: every user's items, or every item's users."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from app.factorization.arrays import Floats, Indices, Offsets
from app.factorization.hyperparameters import Hyperparameters
from app.factorization.objective import row_regularization

if TYPE_CHECKING:
    from scipy.sparse import csr_array  # which serving does without


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
    """λ_u of users, λ_i / c_i of items, ndarray of shape (n_rows,), float32."""

    other_weights: Floats
    """c_i where the other side is the items, else 1, ndarray of shape (n_others,), float32."""


def both_sides(
    user_items: csr_array, hyperparameters: Hyperparameters, item_weights: Floats, weights: Floats | None = None
) -> tuple[Side, Side]:
    """See the ratings from both sides.

    Parameters
    ----------
    user_items : csr_array of shape (n_users, n_items), float32
        The targets a_ui in [0, 1]; a stored zero is observed.
    hyperparameters : Hyperparameters
        λ, ν and w0.
    item_weights : ndarray of shape (n_items,), float32
        c. An item's whole system is multiplied by it; divided by it again, only λ_i changes.
    weights : ndarray of shape (n_ratings,), float32, optional
        w_ui in the order of `user_items.data`, at least w0; 1 when not given.

    Returns
    -------
    tuple of Side
        Users and items.
    """
    item_users = user_items.T.tocsr()
    of_items: Floats | None = None
    if weights is not None:
        from scipy.sparse import csr_array

        like = csr_array((weights, user_items.indices, user_items.indptr), shape=user_items.shape)
        of_items = np.asarray(like.T.tocsr().data, np.float32)
    ones = np.ones(user_items.shape[0], np.float32)
    return (
        _side(user_items, hyperparameters, ones, item_weights, weights),
        _side(item_users, hyperparameters, item_weights, ones, of_items),
    )


def _side(
    matrix: csr_array, hyperparameters: Hyperparameters, own: Floats, others: Floats, weights: Floats | None
) -> Side:
    indptr = matrix.indptr.astype(np.int64)
    return Side(
        indptr=indptr,
        indices=matrix.indices.astype(np.int32, copy=False),
        targets=matrix.data.astype(np.float32, copy=False),
        weights=np.empty(0, np.float32) if weights is None else weights.astype(np.float32, copy=False),
        regularization=row_regularization(np.diff(indptr), matrix.shape[1], hyperparameters) / own,
        other_weights=others,
    )
