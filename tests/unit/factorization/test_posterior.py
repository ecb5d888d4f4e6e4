"""What is not known of a user: the normal distribution around the folded-in vector."""

import numpy as np
import pytest
from scipy.sparse import csr_array, random_array

from app.factorization.fit import fit
from app.factorization.fold_in import FoldIn
from app.factorization.hyperparameters import Hyperparameters
from app.factorization.objective import Factors
from app.factorization.posterior import precision, sample_user, score_variances


@pytest.fixture(scope="module")
def factors() -> Factors:
    user_items = csr_array(random_array((50, 30), density=0.3, dtype=np.float32, rng=np.random.default_rng(0)))
    user_items.sort_indices()
    return fit(user_items, Hyperparameters(n_factors=5, unobserved_weight=0.05))


def test_folding_in_is_its_mean(factors: Factors):
    fold_in, rated, targets = FoldIn.of(factors), np.array([1, 4, 9]), np.array([1.0, 0.2, 0.7])
    V = factors.item_factors[rated].astype(np.float64)
    c = factors.item_weights[rated].astype(np.float64)
    A = precision(fold_in, rated)
    λ = np.diag(A)[0] - ((1 - 0.05) * (V.T * c) @ V)[0, 0] - 0.05 * factors.item_gramian[0]
    expected = np.linalg.solve(A, V.T @ (c * targets) + λ * factors.mean_user)
    np.testing.assert_allclose(fold_in.fold_in_user(rated, targets), expected, atol=1e-4)


def test_draws_have_its_mean_and_covariance(factors: Factors):
    fold_in, rated = FoldIn.of(factors), np.array([1, 4, 9])
    mean = fold_in.fold_in_user(rated, [1.0, 0.2, 0.7])
    rng = np.random.default_rng(0)
    drawn = np.array([sample_user(fold_in, rated, mean, 0.5, rng) for _ in range(20_000)])
    expected = 0.25 * np.linalg.inv(precision(fold_in, rated))
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.03)
    np.testing.assert_allclose(np.cov(drawn.T), expected, atol=0.05 * np.abs(expected).max())


def test_every_rating_makes_scores_more_certain(factors: Factors):
    fold_in = FoldIn.of(factors)
    before = score_variances(fold_in, [1], factors.item_factors)
    after = score_variances(fold_in, [1, 4], factors.item_factors)
    assert (after < before).all()
    assert (after > 0).all()
