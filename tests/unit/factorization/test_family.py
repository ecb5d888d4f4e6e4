"""Each method of the family against what is known of it independently."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from app.factorization.alternating import solve_items
from app.factorization.content import content_bridge
from app.factorization.fit import METHODS, fit
from app.factorization.fold_in import FoldIn
from app.factorization.hyperparameters import Hyperparameters
from app.factorization.objective import loss
from app.factorization.quantized import QuantizedVectors
from app.factorization.row_blocks import RowBlocks
from app.factorization.side import both_sides
from app.factorization.start import random_start
from app.factorization.top_n import top_n
from tests.unit.factorization.textbook import dense_loss, ratings, scores, sparse

FROBENIUS = Hyperparameters(
    n_factors=6, unobserved_weight=1.0, regularization=0.0, has_mean_user=False, n_epochs=300, n_steps=0
)


def test_the_full_frobenius_norm_reaches_the_singular_values_optimum() -> None:
    data = ratings(1, n_users=40, n_items=25)
    values = np.linalg.svd(data.targets.astype(np.float64), compute_uv=False)
    optimum = np.sum(values[6:] ** 2)  # Eckart and Young
    assert loss(data.matrix, fit(data.matrix, FROBENIUS)) == pytest.approx(optimum, rel=1e-5)
    assert loss(data.matrix, fit(data.matrix, FROBENIUS, method="svd")) == pytest.approx(optimum, rel=1e-5)


@pytest.mark.parametrize("has_biases", [False, True])
def test_gradient_descent_and_least_squares_agree_near_the_optimum(has_biases: bool) -> None:
    data = ratings(2, n_users=30, n_items=20)
    hyper = Hyperparameters(n_factors=4, unobserved_weight=0.0, has_biases=has_biases, n_epochs=100)
    near = fit(data.matrix, hyper, method="observed")
    losses = [
        loss(data.matrix, fit(data.matrix, replace(hyper, n_epochs=200), method=method, start=near))
        for method in ("observed", "gradient")
    ]
    assert losses[0] < loss(data.matrix, near)
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def test_a_single_step_follows_the_numerical_gradient() -> None:
    data = ratings(4)
    data.weights[:] = 1.0
    hyper = Hyperparameters(n_factors=3, unobserved_weight=0.0)
    start = random_start(data.matrix, hyper, np.random.default_rng(0))
    start.item_factors[:] = np.random.default_rng(1).standard_normal(start.item_factors.shape)
    U, V = start.user_factors.copy(), start.item_factors.copy()
    users, items = both_sides(data.matrix, hyper, start.item_weights)
    del users
    solve_items(start, items, RowBlocks(), 1)
    for i in np.flatnonzero(data.observed.any(axis=0)):
        gradient = np.zeros(3)
        for f in range(3):
            nudge = np.zeros_like(V, np.float64)
            nudge[i, f] = 1e-4
            up, down = (dense_loss(data, U, V + sign * nudge, start.mean_user, hyper) for sign in (1, -1))
            gradient[f] = (up - down) / 2e-4
        # the step is scaled by the curvature that raters like all users would give each axis
        curvature = data.observed[:, i].sum() * np.mean(U**2, axis=0) + items.regularization[i]
        step = (start.item_factors[i] - V[i]) * curvature
        cosine = -step @ gradient / (np.linalg.norm(step) * np.linalg.norm(gradient))
        assert cosine == pytest.approx(1.0, abs=1e-5)


def test_biases_alone_solve_their_own_least_squares() -> None:
    # with a vanishing factor, Σ (a − m − b_u − b_i)² + λ (Σ b_u² + Σ (b_i − m)²) has a linear solution
    data = ratings(6, n_users=15, n_items=10)
    hyper = Hyperparameters(
        n_factors=1,
        unobserved_weight=0.0,
        regularization=0.5,
        regularization_exponent=0.0,
        has_mean_user=False,
        has_biases=True,
        n_epochs=200,
    )
    start = random_start(data.matrix, hyper, np.random.default_rng(0))
    start.user_factors[:, 2] = 0.0
    factors = fit(data.matrix, hyper, start=start)
    u, i = np.nonzero(data.observed)
    m = data.targets[data.observed].mean()
    design = np.zeros((len(u), 25))
    design[np.arange(len(u)), u] = design[np.arange(len(u)), 15 + i] = 1.0
    biases = np.linalg.solve(design.T @ design + 0.5 * np.eye(25), design.T @ (data.targets[u, i] - m))
    np.testing.assert_allclose(factors.user_factors[:, 0], biases[:15], atol=1e-4)
    np.testing.assert_allclose(factors.item_factors[:, 1], biases[15:] + m, atol=1e-4)
    np.testing.assert_array_equal(factors.item_factors[:, 0], 1.0)
    np.testing.assert_array_equal(factors.user_factors[:, 1], 1.0)


def test_popularity_is_the_same_for_everyone_and_counts_targets() -> None:
    data = ratings(7)
    factors = fit(data.matrix, Hyperparameters(), method="popularity")
    order, _ = top_n(QuantizedVectors.of(factors.item_factors), FoldIn.of(factors).fold_in_user([0, 1], [1.0, 0.0]), 9)
    np.testing.assert_array_equal(order, np.argsort(-data.targets.sum(axis=0), kind="stable"))


def test_content_recommends_more_of_the_liked_category() -> None:
    categories = csr_array(np.eye(2, dtype=np.float32)[[0, 0, 0, 1, 1, 1]])
    observed = np.array([[1, 1, 0, 0, 0, 0], [0, 0, 0, 1, 1, 0]], bool)
    matrix = sparse(observed.astype(np.float32), observed)
    factors = fit(matrix, Hyperparameters(unobserved_weight=0.1), method="content", item_categories=categories)
    assert scores(factors)[0, 2] > scores(factors)[0, 5]
    assert scores(factors)[1, 5] > scores(factors)[1, 2]


def test_content_gives_an_item_without_ratings_the_vector_of_its_kind() -> None:
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 3, 60)
    centres = rng.standard_normal((3, 5))
    vectors = (centres[kinds] + 0.01 * rng.standard_normal((60, 5))).astype(np.float32)
    is_trained = np.arange(60) < 50
    vectors[~is_trained] = 0.0
    categories = csr_array(np.eye(3, dtype=np.float32)[kinds])
    bridged = content_bridge(vectors, categories, is_trained, regularization=0.01)
    np.testing.assert_allclose(bridged[~is_trained], centres[kinds[~is_trained]], atol=0.05)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_serves_by_folding_in(method: str) -> None:
    data = ratings(8)
    categories = csr_array(np.random.default_rng(0).integers(0, 2, (9, 4)).astype(np.float32))
    factors = fit(data.matrix, Hyperparameters(n_factors=4), method=method, item_categories=categories)
    fold = FoldIn.of(factors)
    for u in range(len(data.observed)):
        rated = np.flatnonzero(data.observed[u])
        vector = fold.fold_in_user(rated, data.targets[u, rated])
        np.testing.assert_allclose(vector, factors.user_factors[u], rtol=1e-4, atol=1e-5)
        everyone, contributions = fold.explain(rated, data.targets[u, rated], np.arange(9))
        np.testing.assert_allclose(everyone + contributions.sum(axis=1), factors.item_factors @ vector, atol=1e-4)


@pytest.mark.parametrize("method", ["svd", "gradient", "observed", "weighted"])
def test_a_withheld_cell_of_a_checkerboard_ranks_first(method: str) -> None:
    light = np.add.outer(np.arange(16), np.arange(12)) % 2 == 0
    observed = np.ones_like(light) if method in {"gradient", "observed"} else light.copy()
    targets = light.astype(np.float32)
    observed[4, 6] = False
    observed[4, 1::4] = False  # some dark cells to be compared with
    hyper = Hyperparameters(n_factors=2, unobserved_weight=0.1, n_epochs=30)
    factors = fit(sparse(targets, observed), hyper, method=method)
    best, _ = top_n(QuantizedVectors.of(factors.item_factors), factors.user_factors[4], 1, excluded=observed[4])
    assert best[0] == 6


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown method"):
        fit(ratings(0).matrix, Hyperparameters(), method="magic")
