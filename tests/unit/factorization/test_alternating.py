"""Least squares against a textbook solver, for every objective."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.factorization.alternating import RELAXATION, solve_items, solve_users
from app.factorization.fit import fit
from app.factorization.fold_in import FoldIn, FoldInItem
from app.factorization.gathering import FLOATS_HELD
from app.factorization.half_epoch import solve_half_epoch
from app.factorization.hyperparameters import Hyperparameters
from app.factorization.objective import loss
from app.factorization.principal_axes import mean_user_of
from app.factorization.row_blocks import RowBlocks
from app.factorization.row_solver import shared_by_rows
from app.factorization.side import Side, both_sides
from app.factorization.start import random_start
from tests.unit.factorization.textbook import dense_loss, ratings
from tests.unit.factorization.textbook import solve_items as solve_items_slowly
from tests.unit.factorization.textbook import solve_users as solve_users_slowly

Shape = tuple[int, int, float]

objectives = st.builds(
    Hyperparameters,
    n_factors=st.sampled_from([1, 2, 5, 16, 32, 33]),
    unobserved_weight=st.sampled_from([0.0, 0.01, 0.3, 1.0]),
    regularization=st.sampled_from([0.02, 0.3, 5.0]),
    regularization_exponent=st.sampled_from([0.0, 0.5, 1.0]),
    popularity_discount=st.sampled_from([-0.3, 0.0, 0.4]),
    has_mean_user=st.booleans(),
    n_epochs=st.integers(1, 3),
    n_steps=st.sampled_from([0, 3]),
)
# few ratings per row, fewer than factors, and many
shapes = st.sampled_from([(12, 9, 0.4), (9, 60, 0.7)])
seeds = st.integers(0, 1000)
quickly = settings(max_examples=50, deadline=None, derandomize=True)


@quickly
@given(objectives, shapes, seeds, st.booleans())
def test_every_user_is_solved_as_the_textbook_does(
    hyper: Hyperparameters, shape: Shape, seed: int, is_weighted: bool
) -> None:
    data = ratings(seed, *shape)
    if not is_weighted:
        data.weights[:] = 1.0
    factors = fit(data.matrix, hyper, weights=data.weights[data.observed] if is_weighted else None, seed=seed)
    expected = solve_users_slowly(data, factors.item_factors, factors.mean_user, hyper)
    np.testing.assert_allclose(factors.user_factors, expected, rtol=1e-3, atol=2e-4)


@quickly
@given(objectives, shapes, seeds)
def test_the_loss_is_the_sum_over_all_pairs(hyper: Hyperparameters, shape: Shape, seed: int) -> None:
    data = ratings(seed, *shape)
    weights = data.weights[data.observed]
    f = fit(data.matrix, hyper, weights=weights, seed=seed)
    expected = dense_loss(data, f.user_factors, f.item_factors, f.mean_user, hyper)
    assert loss(data.matrix, f, weights=weights) == pytest.approx(expected, rel=1e-5)


@quickly
@given(objectives, shapes, seeds)
def test_folding_in_a_training_history_gives_the_trained_row(hyper: Hyperparameters, shape: Shape, seed: int) -> None:
    data = ratings(seed, *shape)
    factors = fit(data.matrix, hyper, weights=data.weights[data.observed], seed=seed)
    fold = FoldIn.of(factors)
    for u in range(len(data.observed)):
        rated = np.flatnonzero(data.observed[u])
        vector = fold.fold_in_user(rated, data.targets[u, rated], data.weights[u, rated])
        assert vector.tobytes() == factors.user_factors[u].tobytes()


@quickly
@given(objectives, shapes, seeds)
def test_an_item_folds_in_as_the_textbook_solves_it(hyper: Hyperparameters, shape: Shape, seed: int) -> None:
    data = ratings(seed, *shape)
    factors = fit(data.matrix, hyper, weights=data.weights[data.observed], seed=seed)
    expected = solve_items_slowly(data, factors.user_factors, hyper)
    fold = FoldInItem.of(factors)
    for i in range(len(data.observed.T)):
        raters = np.flatnonzero(data.observed[:, i])
        vector = fold.fold_in_item(factors.user_factors[raters], data.targets[raters, i], data.weights[raters, i])
        np.testing.assert_allclose(vector, expected[i], rtol=2e-3, atol=5e-4)
        assert fold.item_weight(len(raters))[0] == pytest.approx(factors.item_weights[i], rel=1e-6)


@quickly
@given(objectives, shapes, seeds)
def test_every_item_is_solved_as_the_textbook_does(hyper: Hyperparameters, shape: Shape, seed: int) -> None:
    data = ratings(seed, *shape)
    weights = data.weights[data.observed]
    before = fit(data.matrix, hyper, weights=weights, seed=seed)
    _, items = both_sides(data.matrix, hyper, before.item_weights, weights)
    after = solve_items(before, items, RowBlocks(), 0)
    np.testing.assert_allclose(
        after.item_factors, solve_items_slowly(data, after.user_factors, hyper), rtol=2e-3, atol=5e-4
    )


@quickly
@given(objectives, shapes, seeds)
def test_an_explanation_sums_to_the_score(hyper: Hyperparameters, shape: Shape, seed: int) -> None:
    data = ratings(seed, *shape)
    factors = fit(data.matrix, hyper, weights=data.weights[data.observed], seed=seed)
    rated, shown = np.flatnonzero(data.observed[0]), np.arange(data.matrix.shape[1])
    everyone, contributions = FoldIn.of(factors).explain(rated, data.targets[0, rated], shown, data.weights[0, rated])
    scores = factors.item_factors @ factors.user_factors[0]
    np.testing.assert_allclose(everyone + contributions.sum(axis=1), scores, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("n_steps", "relaxation"), [(0, 0.0), (1, 0.0), (2, RELAXATION), (3, 0.9)])
@pytest.mark.parametrize("unobserved_weight", [0.0, 0.05, 1.0])
@pytest.mark.parametrize("popularity_discount", [0.0, 0.4])
def test_no_half_epoch_lets_the_loss_rise(
    n_steps: int, relaxation: float, unobserved_weight: float, popularity_discount: float
) -> None:
    data = ratings(3, n_users=60, n_items=40)
    hyper = Hyperparameters(
        n_factors=8,
        unobserved_weight=unobserved_weight,
        popularity_discount=popularity_discount,
    )
    factors, rows = random_start(data.matrix, hyper, np.random.default_rng(0)), RowBlocks()
    users, items = both_sides(data.matrix, hyper, factors.item_weights)
    losses: list[float] = []
    for _ in range(15):
        for solve, side in ((solve_items, items), (solve_users, users)):
            factors = solve(factors, side, rows, n_steps, relaxation)
            factors = replace(factors, mean_user=mean_user_of(factors, users.regularization))
            losses.append(loss(data.matrix, factors))
    assert losses[-1] < losses[0]
    assert all(after <= before * (1 + 1e-6) for before, after in pairwise(losses))


@pytest.mark.parametrize("n_steps", [0, 12])
@pytest.mark.parametrize("unobserved_weight", [0.0, 0.1])
def test_a_row_with_more_ratings_than_are_gathered_at_once_is_solved_as_the_textbook_does(
    n_steps: int, unobserved_weight: float
) -> None:
    rng, n = np.random.default_rng(0), 2 * FLOATS_HELD // 16 + 5
    V = rng.standard_normal((n + 100, 8)).astype(np.float32)
    a = V[:n] @ np.linspace(0.1, 0.8, 8, dtype=np.float32)
    indptr, chosen = np.array([0, 3, n]), np.arange(n, dtype=np.int32)
    nothing, ones = np.empty(0, np.float32), np.ones(len(V), np.float32)
    side = Side(indptr, chosen, a, nothing, np.array([2.0, 3.0], np.float32), ones)
    D, mean = (V**2).sum(axis=0), np.ones(8, np.float32)
    shared = shared_by_rows(unobserved_weight, D, len(V), mean, np.ones(8, np.float32))
    solutions = np.zeros((2, 8), np.float32)
    solve_half_epoch(side, V, shared, solutions, RowBlocks(), n_steps)
    for row, λ in enumerate((2.0, 3.0)):
        X, t = (part[indptr[row] : indptr[row + 1]].astype(np.float64) for part in (V, a))
        A = (1 - unobserved_weight) * X.T @ X + np.diag(unobserved_weight * D + λ)
        np.testing.assert_allclose(solutions[row], np.linalg.solve(A, X.T @ t + λ * mean), rtol=1e-3, atol=1e-5)


def test_a_few_relaxed_steps_come_further_than_exact_solves() -> None:
    data = ratings(5, n_users=300, n_items=200, density=0.05)
    few, exact, converged = (
        loss(data.matrix, fit(data.matrix, Hyperparameters(n_factors=16, n_epochs=n_epochs, n_steps=n_steps)))
        for n_epochs, n_steps in ((5, Hyperparameters().n_steps), (5, 0), (100, 0))
    )
    assert 0.999 * converged < few < exact
