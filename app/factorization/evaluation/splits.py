"""Honest splits: which of each user's ratings a fit sees, and which it is judged by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array  # which serving does without

SPLITS = ("time", "leave-one-out", "random")
"""What `split_ratings` understands as its kind."""

HELD_OUT_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Split:
    """All ratings, divided; both matrices have all users and all items, and no pair is in both."""

    train: csr_array
    """What a fit may see, csr_array of shape (n_users, n_items), float32."""

    train_timestamps: NDArray[np.int64]
    """When it was given, ndarray of shape (n_ratings,), int64, in the order of `train.data`."""

    test: csr_array
    """What it is judged by, csr_array of shape (n_users, n_items), float32."""

    @property
    def to_fit(self) -> tuple[csr_array, NDArray[np.int64]]:
        """The training ratings and their times."""
        return self.train, self.train_timestamps


def split_ratings(
    user_items: csr_array,
    timestamps: NDArray[np.int64],
    rng: np.random.Generator,
    *,
    kind: str = "time",
    users: NDArray[np.integer] | None = None,
) -> Split:
    """Divide all ratings into those to train on and those held out; see `held_out`, which takes the same.

    Parameters
    ----------
    user_items : csr_array of shape (n_users, n_items), float32
        All ratings, as targets.
    timestamps : ndarray of shape (n_ratings,), int64
        When each was given.
    rng : numpy.random.Generator
        The source of chance.
    kind : str
        One of `SPLITS`.
    users : ndarray of shape (n,), int, optional
        Users to hold out ratings of.

    Returns
    -------
    Split
        What to train on and what to test on.
    """
    is_test = held_out(user_items, timestamps, rng, kind=kind, users=users)
    return Split(keep_pairs(user_items, ~is_test), timestamps[~is_test], keep_pairs(user_items, is_test))


def held_out(
    user_items: csr_array,
    timestamps: NDArray[np.int64],
    rng: np.random.Generator,
    *,
    kind: str = "time",
    users: NDArray[np.integer] | None = None,
) -> NDArray[np.bool_]:
    """Hold out some ratings of each user who has at least two.

    By `time` the latest fifth of a user's ratings, at least one; `leave-one-out` the latest one; at `random` any fifth.
    Chance decides among equal times, so where no times are known all of it is random.

    Parameters
    ----------
    user_items : csr_array of shape (n_users, n_items), float32
        All ratings, as targets.
    timestamps : ndarray of shape (n_ratings,), int64
        When each was given, in the order of `user_items.data`.
    rng : numpy.random.Generator
        The source of chance; it is drawn from once per rating, whatever the kind and the users.
    kind : str
        One of `SPLITS`.
    users : ndarray of shape (n,), int, optional
        Users to hold out ratings of; the others' are all for training. All users when not given.

    Returns
    -------
    ndarray of shape (n_ratings,), bool
        Which are held out, in the order of `user_items.data`.

    Raises
    ------
    ValueError
        When the kind is unknown.
    """
    if kind not in SPLITS:
        raise ValueError(f"unknown split {kind!r}: one of {', '.join(SPLITS)}")
    n_users = user_items.shape[0]
    counts = np.diff(user_items.indptr)
    share = np.maximum(counts * HELD_OUT_SHARE, 1).astype(np.int64)
    n_held_out = np.where(counts >= 2, 1 if kind == "leave-one-out" else share, 0)
    if users is not None:
        n_held_out[np.setdiff1d(np.arange(n_users), users)] = 0
    chance = rng.random(user_items.nnz, np.float32)
    # sorting costs more than all else here, so only ratings of users who lose some are sorted
    counts = np.where(n_held_out > 0, counts, 0)
    owners = np.repeat(np.arange(n_users), counts)
    pairs = np.flatnonzero(np.repeat(n_held_out > 0, np.diff(user_items.indptr)))
    moments = np.zeros(len(pairs)) if kind == "random" else timestamps[pairs]
    order = np.lexsort((chance[pairs], moments, owners))  # each user's ratings, the earliest first
    n_later = np.cumsum(counts)[owners] - 1 - np.arange(len(pairs))
    is_test = np.zeros(user_items.nnz, np.bool_)
    is_test[pairs[order]] = n_later < n_held_out[owners]
    return is_test


def keep_pairs(matrix: csr_array, kept: NDArray[np.bool_]) -> csr_array:
    """Keep some pairs of a matrix, which keeps its shape.

    Parameters
    ----------
    matrix : csr_array of shape (n_users, n_items)
        Sorted, without duplicates.
    kept : ndarray of shape (n_pairs,), bool
        Which, in the order of `matrix.data`.

    Returns
    -------
    csr_array of shape (n_users, n_items)
        Sorted, without duplicates.
    """
    from scipy.sparse import csr_array

    before = np.concatenate([[0], np.cumsum(kept)])
    part = csr_array((matrix.data[kept], matrix.indices[kept], before[matrix.indptr]), shape=matrix.shape)
    part.has_canonical_format = True  # a part of what is sorted and unique is, too
    return part
