"""Generated ratings with a structure that a person can predict: two tastes, and items of either."""

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_array

Ratings = list[dict[str, object]]


def two_tastes(n_users: int = 40, n_items: int = 30) -> Ratings:
    """Ratings of users who love what is of their own taste and dislike the other; even users like even items.

    Each user has rated three quarters of the items, so that something is left to recommend.
    """
    pairs = ((user, item) for user in range(n_users) for item in range(n_items) if (user * 7 + item * 3) % 4)
    return [
        {
            "user_id": f"u{user}",
            "item_id": f"i{item}",
            "value": 5.0 if user % 2 == item % 2 else 0.5,
            "timestamp": 1_000,
        }
        for user, item in pairs
    ]


def batches(ratings: Ratings, size: int) -> Iterator[Ratings]:
    """Cut ratings into batches."""
    for start in range(0, len(ratings), size):
        yield ratings[start : start + size]


def target_matrix(n_users: int, n_items: int) -> csr_array:
    """The same tastes as a matrix of targets, every pair observed but the diagonal."""
    users, items = (~np.eye(n_users, n_items, dtype=bool)).nonzero()
    targets = (users % 2 == items % 2).astype(np.float32)
    return csr_array((targets, (users.astype(np.int32), items.astype(np.int32))), shape=(n_users, n_items))
