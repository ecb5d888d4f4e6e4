"""Recency: the newer a user's rating is among that user's ratings, the more it weighs.

With t_ui the time of a rating,

    s_ui = |{j ∈ Ω_u : t_uj > t_ui}| / |Ω_u|        the share of the user's ratings that are newer
    w_ui = 1 − ρ (1 − w0) s_ui

so that a user's newest ratings weigh 1, and the oldest, at ρ = 1, hardly more than a pair that was never rated. Only
the order counts: nothing ages while its user is away, equal times weigh the same, and at w0 = 1 all weigh 1.
"""

import numpy as np
from numpy.typing import NDArray

from app.factorization.arrays import Floats, Offsets
from app.factorization.hyperparameters import Hyperparameters


def recency_weights(timestamps: NDArray[np.int64], hyperparameters: Hyperparameters) -> Floats | None:
    """Weigh one user's ratings.

    Parameters
    ----------
    timestamps : ndarray of shape (n,), int64
        When each was given, in any unit.
    hyperparameters : Hyperparameters
        ρ and w0.

    Returns
    -------
    ndarray of shape (n,), float32, or None
        w_ui; None where all are 1 whatever their times.
    """
    strength, n = _strength(hyperparameters), len(timestamps)
    if not strength:
        return None
    n_newer = n - np.searchsorted(np.sort(timestamps), timestamps, side="right")
    return (1.0 - strength * n_newer / max(n, 1)).astype(np.float32)


def recency_weights_of_all(
    indptr: Offsets, timestamps: NDArray[np.int64], hyperparameters: Hyperparameters
) -> Floats | None:
    """Weigh the ratings of all users.

    Parameters
    ----------
    indptr : ndarray of shape (n_users + 1,), int
        Where each user's ratings begin.
    timestamps : ndarray of shape (n_ratings,), int64
        When each was given, in any unit.
    hyperparameters : Hyperparameters
        ρ and w0.

    Returns
    -------
    ndarray of shape (n_ratings,), float32, or None
        For each user what `recency_weights` gives; None where all are 1 whatever their times.
    """
    strength, counts, n = _strength(hyperparameters), np.diff(indptr), len(timestamps)
    if not strength or not n:
        return None
    owners = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    order = np.lexsort((timestamps, owners))  # users stay where they are, and each one's ratings go from old to new
    times = timestamps[order]
    is_last = np.append((times[1:] != times[:-1]) | (owners[1:] != owners[:-1]), True)  # of those at one moment
    ends = np.flatnonzero(is_last) + 1
    n_newer = np.repeat(indptr[1:][owners[is_last]] - ends, np.diff(ends, prepend=0))
    weights = np.empty(n, np.float32)
    weights[order] = 1.0 - strength * n_newer / counts[owners]
    return weights


def _strength(hyperparameters: Hyperparameters) -> float:
    return hyperparameters.recency * (1.0 - hyperparameters.unobserved_weight)
