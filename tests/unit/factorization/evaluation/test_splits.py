"""Splits are honest: nothing of the test leaks into training."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from app.factorization.evaluation import SPLITS, split_ratings


def random_ratings(seed, n_users=30, n_items=20):
    rng = np.random.default_rng(seed)
    observed = rng.random((n_users, n_items)) < rng.random((n_users, 1))
    observed[0], observed[1] = False, np.arange(n_items) == 3  # nothing, and a single rating
    users, items = np.nonzero(observed)
    matrix = csr_array((rng.random(len(users)).astype(np.float32), (users, items)), shape=observed.shape)
    matrix.sort_indices()
    return matrix, rng.integers(0, 5, matrix.nnz)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(SPLITS))
def test_every_rating_is_in_training_or_in_the_test(seed, kind):
    matrix, times = random_ratings(seed)
    split = split_ratings(matrix, times, np.random.default_rng(seed), kind=kind)
    assert split.train.has_canonical_format
    assert split.test.has_canonical_format
    assert split.train.nnz + split.test.nnz == matrix.nnz
    np.testing.assert_array_equal(split.train.toarray() + split.test.toarray(), matrix.toarray())
    assert not ((split.train.toarray() > 0) & (split.test.toarray() > 0)).any()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(SPLITS))
def test_how_many_of_a_users_ratings_are_held_out(seed, kind):
    matrix, times = random_ratings(seed)
    split = split_ratings(matrix, times, np.random.default_rng(seed), kind=kind)
    for n, n_held_out in zip(np.diff(matrix.indptr), np.diff(split.test.indptr), strict=True):
        expected = 0 if n < 2 else 1 if kind == "leave-one-out" else max(1, int(0.2 * n))
        assert n_held_out == expected


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(["time", "leave-one-out"]))
def test_nothing_in_training_is_later_than_what_it_is_tested_on(seed, kind):
    matrix, times = random_ratings(seed)
    when = csr_array((times + 1, matrix.indices, matrix.indptr), shape=matrix.shape).toarray()
    split = split_ratings(matrix, times, np.random.default_rng(seed), kind=kind)
    in_train, in_test = split.train.toarray() != 0, split.test.toarray() != 0
    for u in np.flatnonzero(in_test.any(axis=1)):
        assert when[u][in_train[u]].max() <= when[u][in_test[u]].min()


def test_where_no_times_are_known_chance_decides_and_not_the_order_of_the_items():
    matrix = csr_array(np.ones((400, 10), np.float32))
    split = split_ratings(matrix, np.zeros(matrix.nnz, np.int64), np.random.default_rng(0))
    held_out = np.bincount(split.test.indices, minlength=10)
    assert held_out.sum() == 800
    assert held_out.min() > 50


def test_only_the_sampled_users_ratings_are_held_out_and_the_same_ones():
    matrix, times = random_ratings(5)
    sampled = np.array([4, 7, 20])
    part = split_ratings(matrix, times, np.random.default_rng(1), users=sampled)
    whole = split_ratings(matrix, times, np.random.default_rng(1))
    held_out = np.diff(part.test.indptr)
    assert set(np.flatnonzero(held_out)) <= set(sampled)
    for u in sampled:
        assert part.test[[u]].indices.tolist() == whole.test[[u]].indices.tolist()
    assert part.train.nnz == matrix.nnz - held_out.sum()


def test_an_unknown_kind_is_refused():
    matrix, times = random_ratings(0)
    with pytest.raises(ValueError, match="unknown split 'by moon'"):
        split_ratings(matrix, times, np.random.default_rng(0), kind="by moon")
