"""Numbering keys and sorting ratings without a sort give what sorting gives."""

import numpy as np
import pytest

from app.config import Settings
from app.services.training.arranging import _numbered, target_matrix


@pytest.mark.parametrize("farthest", [0, 10, 2_000, 10**12])
@pytest.mark.parametrize("n_keys", [0, 1, 500])
def test_keys_are_numbered_as_by_sorting(n_keys, farthest):
    keys = np.random.default_rng(1).integers(0, farthest + 1, n_keys)
    for found, expected in zip(_numbered(keys), np.unique(keys, return_inverse=True), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_ratings_stand_in_the_matrix_sorted_with_their_places():
    rng = np.random.default_rng(2)
    pairs = rng.permutation(40 * 30)[:700]
    users, items, values = pairs // 30, pairs % 30, rng.integers(0, 11, 700) / 2
    matrix, order = target_matrix(users, items, values, Settings(rating_min=0, rating_max=5), shape=(40, 30))
    np.testing.assert_array_equal(order, np.lexsort((items, users)))
    np.testing.assert_array_equal(matrix.toarray()[users, items], (values / 5).astype(np.float32))
    assert matrix.has_sorted_indices


def test_nothing_gives_an_empty_matrix():
    nothing = np.empty(0, np.int64)
    matrix, order = target_matrix(nothing, nothing, np.empty(0), Settings(), shape=(0, 0))
    assert matrix.shape == (0, 0)
    assert len(order) == 0
