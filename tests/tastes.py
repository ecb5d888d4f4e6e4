"""Generated ratings with a structure that a person can predict: two tastes, and items of either."""

from collections.abc import Iterator

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
