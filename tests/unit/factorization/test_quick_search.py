"""Quick searches find what folding in and top-n find, to the last bit, whatever was asked before."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.factorization.fold_in import FoldIn
from app.factorization.hyperparameters import Hyperparameters
from app.factorization.objective import FactorsOf
from app.factorization.quantized import QuantizedVectors
from app.factorization.quick_search import QuickSearch
from app.factorization.top_n import top_n

SIZES = [(1, 1), (5, 3), (60, 8), (700, 16), (300, 70)]


def random_model(n_items: int, n_factors: int) -> tuple[FoldIn, QuantizedVectors, np.ndarray]:
    """Invent a model, and the keys of its items: every third is nobody's."""
    rng = np.random.default_rng(n_items)
    items = QuantizedVectors.of(rng.standard_normal((n_items, n_factors)).astype(np.float32))
    users, nothing = rng.standard_normal((3, n_factors)).astype(np.float32), np.empty((0, n_factors), np.float32)
    factors = FactorsOf[Any](
        user_factors=users,
        item_factors=items,
        mean_user=users.mean(axis=0),
        mean_item=np.zeros(n_factors, np.float32),
        user_is_free=np.ones(n_factors, np.float32),
        item_is_free=np.ones(n_factors, np.float32),
        item_gramian=np.square(items).sum(axis=0),
        item_weights=rng.uniform(0.5, 2, n_items).astype(np.float32),
        mean_discount=np.array(1, np.float32),
        item_selection=nothing,
        user_selection=nothing,
        hyperparameters=Hyperparameters(n_factors=n_factors),
    )
    index_by_key = np.full(3 * n_items // 2 + 1, -1, np.int32)
    places = np.delete(np.arange(len(index_by_key)), slice(0, None, 3))[:n_items]
    index_by_key[places] = rng.permutation(n_items)[: len(places)]
    return FoldIn.of(factors), items, index_by_key


@pytest.fixture(scope="module")
def models() -> list[Any]:
    made = [random_model(*size) for size in SIZES]
    return [(fold_in, items, keys, QuickSearch(fold_in, items, items[:], keys)) for fold_in, items, keys in made]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(SIZES) - 1), st.integers(0, 2**32), st.integers(1, 101), st.booleans())
def test_what_is_found_is_the_same_to_the_last_bit(models, size, seed, n, exclude_rated):
    fold_in, items, index_by_key, quick = models[size]
    rng, n_items = np.random.default_rng(seed), len(items)
    keys = rng.permutation(len(index_by_key) + 4)[: rng.integers(0, 300)] - 2  # some beyond either end
    targets = rng.integers(0, 11, len(keys)) / 10
    excluded = rng.random(n_items) < rng.choice([0, 0.3, 1])
    out = rng.integers(0, n_items, rng.integers(0, 5))
    found = quick.find(keys, targets, n, excluded, out, exclude_rated=exclude_rated)

    known = {
        int(index_by_key[key]): target
        for key, target in zip(keys.tolist(), targets.tolist(), strict=True)
        if 0 <= key < len(index_by_key) and index_by_key[key] >= 0
    }
    if not known:
        assert found is None
        return
    rated = np.array(sorted(known))
    vector = fold_in.fold_in_user(rated, [known[index] for index in rated.tolist()])
    left_out = excluded.copy()
    left_out[out] = True
    if exclude_rated:
        left_out[rated] = True
    best, scores = top_n(items, vector, n, excluded=left_out)
    for one, other in zip(found, (vector, rated, best, scores), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_it_found_before_stays(models):
    *_, quick = models[2]
    excluded, out = np.zeros(60, np.bool_), np.zeros(0, np.intp)
    first = quick.find(np.array([1, 2, 4]), np.array([1.0, 0.5, 0.0]), 5, excluded, out, exclude_rated=True)
    before = [array.copy() for array in first]
    quick.find(np.array([5, 7, 8]), np.array([0.0, 0.5, 1.0]), 5, excluded, out, exclude_rated=True)
    for one, other in zip(first, before, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not excluded.any()
