"""Invented ratings of any size, to measure speed and memory with; what they say about quality means nothing."""

import numpy as np
from scipy.sparse import coo_array, csr_array


def invented_ratings(n_users: int, n_items: int, n_ratings: int, seed: int = 0) -> csr_array:
    """Draw who rated what: few users rate much, few items are rated much, and users keep to some kinds of items.

    Parameters
    ----------
    n_users, n_items : int
        The matrix' shape.
    n_ratings : int
        How many pairs to draw; the same pair drawn twice counts once, so that a few per cent fewer come out.
    seed : int
        Of the draw.

    Returns
    -------
    csr_array of shape (n_users, n_items), float32
        Targets between 0 and 1.
    """
    rng = np.random.default_rng(seed)
    n_kinds = 30
    activity = rng.gamma(0.9, size=n_users) + 0.05
    users = rng.choice(n_users, n_ratings, p=activity / activity.sum()).astype(np.int32)
    # an item's rank falls off as a power law, and every kind holds each n_kinds-th rank
    rank = (n_items * rng.random(n_ratings) ** 3.0).astype(np.int32)
    is_favourite = rng.random(n_ratings) < 0.5
    favourite = (users * 7 + rng.integers(0, 3, n_ratings)) % n_kinds
    items = np.where(is_favourite, rank // n_kinds * n_kinds + favourite, rank)
    items = np.minimum(items, n_items - 1).astype(np.int32)
    targets = np.clip(rng.normal(0.55 + 0.15 * is_favourite, 0.2), 0.0, 1.0).astype(np.float32)
    matrix = csr_array(coo_array((targets, (users, items)), shape=(n_users, n_items)))
    np.clip(matrix.data, 0.0, 1.0, out=matrix.data)
    return matrix
