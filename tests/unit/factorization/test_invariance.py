"""What must not matter: the number of threads, the order of rows; what must: the seed, and an earlier fit."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from app.factorization.fit import fit
from app.factorization.hyperparameters import Hyperparameters
from app.factorization.objective import Factors, loss
from tests.unit.factorization.textbook import ratings, scores, sparse


def several_blocks_of_ratings() -> csr_array:
    targets = np.random.default_rng(0).random((6000, 900), np.float32)
    return sparse(targets, targets > 0.95)


def as_bytes(factors: Factors) -> tuple[bytes, ...]:
    return factors.user_factors.tobytes(), factors.item_factors.tobytes(), factors.mean_user.tobytes()


@pytest.mark.parametrize("unobserved_weight", [0.0, 0.1])
def test_the_same_seed_gives_the_same_bytes_at_any_number_of_threads(unobserved_weight: float) -> None:
    matrix = several_blocks_of_ratings()
    hyper = Hyperparameters(n_factors=20, unobserved_weight=unobserved_weight, n_epochs=2)
    losses: list[float] = []
    fits = [
        as_bytes(fit(matrix, hyper, seed=5, n_threads=n, on_epoch=lambda epoch: losses.append(epoch.loss)))
        for n in (1, 2, 4, 1)
    ]
    assert fits[0] == fits[1] == fits[2] == fits[3]
    assert losses[:2] == losses[2:4] == losses[4:6] == losses[6:]
    assert as_bytes(fit(matrix, hyper, seed=6)) != fits[0]


def test_permuting_users_and_items_permutes_the_scores() -> None:
    data = ratings(9, n_users=40, n_items=30)
    hyper = Hyperparameters(n_factors=5, n_epochs=6)
    start = fit(data.matrix, replace(hyper, n_epochs=1))
    rng = np.random.default_rng(0)
    users, items = rng.permutation(40), rng.permutation(30)
    permuted = sparse(data.targets[users][:, items], data.observed[users][:, items])
    moved = replace(start, user_factors=start.user_factors[users], item_factors=start.item_factors[items])
    expected = scores(fit(data.matrix, hyper, start=start))[users][:, items]
    np.testing.assert_allclose(scores(fit(permuted, hyper, start=moved)), expected, atol=1e-4)


def test_a_warm_start_goes_on_where_the_fit_ended_and_leaves_it_as_it_was() -> None:
    data = ratings(10, n_users=40, n_items=30)
    hyper = Hyperparameters(n_factors=5, n_epochs=4)
    first = fit(data.matrix, hyper)
    before = as_bytes(first)
    losses: list[float] = []
    fit(data.matrix, hyper, start=first, on_epoch=lambda epoch: losses.append(epoch.loss))
    assert losses[0] <= loss(data.matrix, first) * (1 + 1e-6)
    assert as_bytes(first) == before


def test_a_warm_start_may_have_fewer_users_items_and_factors() -> None:
    data = ratings(11, n_users=40, n_items=30)
    known = fit(sparse(data.targets[:30, :20], data.observed[:30, :20]), Hyperparameters(n_factors=3))
    factors = fit(data.matrix, Hyperparameters(n_factors=5), start=known)
    assert factors.user_factors.shape == (40, 5)
    assert np.isfinite(loss(data.matrix, factors))
