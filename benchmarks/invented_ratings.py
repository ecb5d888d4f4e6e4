"""Invented ratings of any size, to measure speed and memory with; what they say about quality means nothing."""

import numpy as np
from scipy.sparse import csr_array

N_GROUPS = 24
"""Kinds of items; every user likes two of them."""


def invented_ratings(n_users: int, n_items: int, n_ratings: int, seed: int = 0) -> csr_array:
    """Draw who rated what: users' activity is log-normal, items' popularity a power law.

    Half of a user's ratings fall on popular items, half on the two kinds the user likes.

    Parameters
    ----------
    n_users, n_items : int
        The matrix' shape.
    n_ratings : int
        How many pairs to draw; the same pair drawn twice counts once, so that fewer come out.
    seed : int
        Of the draw.

    Returns
    -------
    csr_array of shape (n_users, n_items), float32
        Targets between 0 and 1.
    """
    rng = np.random.default_rng(seed)
    activity = rng.lognormal(4.0, 1.1, n_users)
    per_user = np.maximum(1, activity * n_ratings / activity.sum()).astype(np.int64)
    user = np.repeat(np.arange(n_users), np.minimum(per_user, max(1, n_items // 4)))
    popularity = np.arange(1, n_items + 1) ** -0.8
    item_group, user_group = rng.integers(0, N_GROUPS, n_items), rng.integers(0, N_GROUPS, (n_users, 2))
    item = np.searchsorted(np.cumsum(popularity) / popularity.sum(), rng.random(len(user))).clip(max=n_items - 1)
    is_liked = rng.random(len(user)) < 0.5
    taste = user_group[user, rng.integers(0, 2, len(user))]
    for group in range(N_GROUPS):
        members, drawn = np.flatnonzero(item_group == group), np.flatnonzero(is_liked & (taste == group))
        if len(members) and len(drawn):
            shares = np.cumsum(popularity[members]) / popularity[members].sum()
            item[drawn] = members[np.searchsorted(shares, rng.random(len(drawn))).clip(max=len(members) - 1)]
    pairs = np.unique(user * np.int64(n_items) + item)
    user, item = pairs // n_items, pairs % n_items
    fits = (item_group[item][:, None] == user_group[user]).any(axis=1)
    stars = np.clip(np.round((2.9 + 1.1 * fits + rng.normal(0, 0.8, len(user))) * 2) / 2, 0.5, 5.0)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(user, minlength=n_users))])
    targets = ((stars - 0.5) / 4.5).astype(np.float32)
    matrix = csr_array((targets, item.astype(np.int32), indptr.astype(np.int32)), shape=(n_users, n_items))
    matrix.has_canonical_format = True
    return matrix
