"""Least squares against a textbook solver, and what must hold of every fit."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from app.factorization import Factors, FoldIn, FoldInItem, Hyperparameters, fit, loss
from tests.unit.factorization.textbook import dense_loss, item_weights, solve_rows


def ratings(seed, n_users=12, n_items=9, density=0.4):
    """Targets with some stored zeros, some users and items without ratings."""
    rng = np.random.default_rng(seed)
    observed = rng.random((n_users, n_items)) < density
    observed[n_users // 2] = False
    observed[:, n_items // 2] = False
    targets = np.where(observed, rng.integers(0, 5, observed.shape) / 4, 0.0).astype(np.float32)
    indptr = np.concatenate([[0], np.cumsum(observed.sum(axis=1))])
    matrix = csr_array((targets[observed], np.nonzero(observed)[1].astype(np.int32), indptr), shape=observed.shape)
    weights = rng.uniform(1.0, 3.0, observed.shape).astype(np.float32)
    return matrix, targets, observed, weights


objectives = st.builds(
    Hyperparameters,
    n_factors=st.integers(1, 14),
    unobserved_weight=st.sampled_from([0.0, 0.01, 0.3, 1.0]),
    regularization=st.sampled_from([0.02, 0.3, 5.0]),
    regularization_exponent=st.sampled_from([0.0, 0.5, 1.0]),
    popularity_discount=st.sampled_from([-0.3, 0.0, 0.4]),
    has_mean_user=st.booleans(),
    n_epochs=st.integers(1, 3),
    n_steps=st.sampled_from([0, 3]),
)


@settings(max_examples=60, deadline=None)
@given(objectives, st.integers(0, 1000), st.booleans())
def test_the_users_rows_are_those_of_the_textbook(hyper, seed, is_weighted):
    matrix, targets, observed, weights = ratings(seed)
    if not is_weighted:
        weights = np.ones_like(weights)
    factors = fit(matrix, hyper, weights=weights[observed] if is_weighted else None, seed=seed)
    c = np.broadcast_to(item_weights(observed, hyper), observed.shape)
    expected = solve_rows(targets, observed, weights, c, factors.item_factors, factors.mean_user, hyper)
    np.testing.assert_allclose(factors.user_factors, expected, rtol=1e-3, atol=2e-4)


@settings(max_examples=30, deadline=None)
@given(objectives, st.integers(0, 1000))
def test_the_loss_is_the_sum_over_all_pairs(hyper, seed):
    matrix, targets, observed, weights = ratings(seed)
    f = fit(matrix, hyper, weights=weights[observed], seed=seed)
    expected = dense_loss(targets, observed, weights, f.user_factors, f.item_factors, f.mean_user, hyper)
    assert loss(matrix, f, weights=weights[observed]) == pytest.approx(expected, rel=1e-5)


@settings(max_examples=30, deadline=None)
@given(objectives, st.integers(0, 1000))
def test_folding_in_a_training_history_gives_the_trained_row(hyper, seed):
    matrix, _, observed, weights = ratings(seed)
    factors = fit(matrix, hyper, weights=weights[observed], seed=seed)
    fold = FoldIn.of(factors)
    for u in range(matrix.shape[0]):
        row = slice(matrix.indptr[u], matrix.indptr[u + 1])
        vector = fold.fold_in_user(matrix.indices[row], matrix.data[row], weights[u][observed[u]])
        assert vector.tobytes() == factors.user_factors[u].tobytes()


@settings(max_examples=30, deadline=None)
@given(objectives, st.integers(0, 1000))
def test_an_item_folds_in_to_the_row_of_the_textbook(hyper, seed):
    matrix, targets, observed, _ = ratings(seed)
    factors = fit(matrix, hyper, seed=seed)
    nobody = np.zeros(hyper.n_factors)
    ones = np.ones(observed.T.shape)
    c = np.broadcast_to(item_weights(observed, hyper), observed.shape).T
    expected = solve_rows(targets.T, observed.T, ones, c, factors.user_factors, nobody, hyper)
    fold = FoldInItem.of(factors)
    for i in range(matrix.shape[1]):
        raters = observed[:, i]
        vector = fold.fold_in_item(factors.user_factors[raters], targets[raters, i])
        np.testing.assert_allclose(vector, expected[i], rtol=2e-3, atol=5e-4)


@settings(max_examples=30, deadline=None)
@given(objectives, st.integers(0, 1000))
def test_an_explanation_sums_to_the_score(hyper, seed):
    matrix, _, observed, weights = ratings(seed)
    factors: Factors = fit(matrix, hyper, weights=weights[observed], seed=seed)
    row = slice(matrix.indptr[0], matrix.indptr[1])
    shown = np.arange(matrix.shape[1])
    everyone, contributions = FoldIn.of(factors).explain(
        matrix.indices[row], matrix.data[row], shown, weights[0][observed[0]]
    )
    scores = factors.item_factors @ factors.user_factors[0]
    np.testing.assert_allclose(everyone + contributions.sum(axis=1), scores, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("n_steps", [0, 1, 3])
@pytest.mark.parametrize("unobserved_weight", [0.0, 0.05, 1.0])
def test_the_loss_never_rises(n_steps, unobserved_weight):
    matrix, _, _, _ = ratings(3, n_users=60, n_items=40)
    hyper = Hyperparameters(n_factors=8, unobserved_weight=unobserved_weight, n_epochs=15, n_steps=n_steps)
    losses = []
    fit(matrix, hyper, on_epoch=lambda epoch: losses.append(epoch.loss))
    assert all(after <= before * (1 + 1e-6) for before, after in pairwise(losses))
