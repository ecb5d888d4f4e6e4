"""The best n, exactly, and similar items."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.factorization.top_n import similar_items, top_n


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(0, 1000), st.integers(0, 30), st.booleans())
def test_the_best_come_first_and_ties_by_index(seed: int, n: int, is_filtered: bool) -> None:
    rng = np.random.default_rng(seed)
    item_factors = rng.integers(-2, 3, (25, 2)).astype(np.float32)  # whole numbers, so that there are many ties
    user_vector = rng.integers(-2, 3, 2).astype(np.float32)
    excluded = rng.random(25) < 0.4 if is_filtered else None
    items, scores = top_n(item_factors, user_vector, n, excluded=excluded)
    all_scores = item_factors @ user_vector
    allowed = [i for i in range(25) if excluded is None or not excluded[i]]
    expected = sorted(allowed, key=lambda i: (-all_scores[i], i))[:n]
    assert items.tolist() == expected
    np.testing.assert_array_equal(scores, all_scores[expected])


def test_the_most_similar_item_points_the_same_way_whatever_its_length() -> None:
    item_factors = np.array([[1, 0], [5, 0.1], [0, 1], [0, 0], [-1, 0]], np.float32)
    items, cosines = similar_items(item_factors, 0, 10)
    assert items.tolist() == [1, 2, 3, 4]
    assert np.isfinite(cosines).all()
    assert similar_items(item_factors, 3, 2)[1].tolist() == [0.0, 0.0]


def test_excluded_items_are_not_similar() -> None:
    item_factors = np.eye(4, 3, dtype=np.float32)
    excluded = np.array([False, True, False, False])
    items, _ = similar_items(item_factors, 0, 10, excluded=excluded)
    assert items.tolist() == [2, 3]
    assert excluded.tolist() == [False, True, False, False]
