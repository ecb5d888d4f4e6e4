"""Folding users in with the items of a snapshot, its supplement's too."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.factorization.fold_in import FoldIn
from app.serving.item_table import Floats
from app.serving.snapshot import Snapshot


def fold_in_user(
    snapshot: Snapshot, rated: NDArray[np.integer], targets: NDArray[np.float64], weights: Floats | None = None
) -> Floats:
    """Compute a user's vector.

    Parameters
    ----------
    snapshot : Snapshot
        What is served.
    rated : ndarray of shape (n,), int
        Item indices, ascending.
    targets : ndarray of shape (n,), float64
        a_ui.
    weights : ndarray of shape (n,), float32, optional
        w_ui; 1 when not given.

    Returns
    -------
    ndarray of shape (n_factors,), float32
        u.
    """
    if snapshot.supplement is None or not len(rated) or rated[-1] < snapshot.n_trained:
        return snapshot.model.fold_in.fold_in_user(rated, targets, weights)
    return fold_in_of(snapshot, rated).fold_in_user(np.arange(len(rated)), targets, weights)


def fold_in_of(snapshot: Snapshot, indices: NDArray[np.integer]) -> FoldIn:
    """Fold in with some items only, which are numbered from 0 then.

    Parameters
    ----------
    snapshot : Snapshot
        What is served.
    indices : ndarray of shape (n,), int
        Item indices, the supplement's too.

    Returns
    -------
    FoldIn
        Of the items in this order.
    """
    vectors, weights = snapshot.vectors(indices), snapshot.weights(indices)
    return replace(snapshot.model.fold_in, item_factors=vectors, item_weights=weights)
