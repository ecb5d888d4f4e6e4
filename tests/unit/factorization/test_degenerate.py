"""Data at the edge: nothing may crash, nothing may stop being finite."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array

from app.factorization.fit import METHODS, fit
from app.factorization.fold_in import FoldIn, FoldInItem
from app.factorization.hyperparameters import Hyperparameters
from app.factorization.objective import loss
from tests.unit.factorization.textbook import ratings, sparse

MATRICES: dict[str, NDArray[np.float32]] = {
    "no users": np.zeros((0, 5), np.float32),
    "no items": np.zeros((5, 0), np.float32),
    "nobody and nothing": np.zeros((0, 0), np.float32),
    "one user": np.ones((1, 6), np.float32),
    "one item": np.ones((6, 1), np.float32),
    "one rating": np.ones((1, 1), np.float32),
    "all equal": np.ones((7, 5), np.float32),
    "all zero": np.zeros((7, 5), np.float32),
    "all zero, more of them than factors": np.zeros((12, 11), np.float32),
}


@pytest.mark.parametrize("is_rated", [True, False])
@pytest.mark.parametrize("matrix", MATRICES.values(), ids=MATRICES.keys())
@pytest.mark.parametrize("method", METHODS)
def test_every_method_stays_finite(  # implicit #377: more factors than items or users
    method: str, matrix: NDArray[np.float32], is_rated: bool
) -> None:
    data = sparse(matrix, np.full(matrix.shape, is_rated))
    categories = csr_array(np.ones((matrix.shape[1], 2), np.float32))
    losses: list[float] = []
    for regularization in (0.0, 0.1):
        hyper = Hyperparameters(n_factors=9, regularization=regularization, n_epochs=2)
        factors = fit(
            data, hyper, method=method, item_categories=categories, on_epoch=lambda epoch: losses.append(epoch.loss)
        )
        assert factors.user_factors.shape[0] == matrix.shape[0]
        assert factors.item_factors.shape[0] == matrix.shape[1]
        for name in ("user_factors", "item_factors", "mean_user", "item_gramian", "item_weights"):
            assert np.isfinite(getattr(factors, name)).all(), name
        assert np.isfinite(FoldIn.of(factors).fold_in_user([], [])).all()
        raters = factors.user_factors[:1]
        assert np.isfinite(FoldInItem.of(factors).fold_in_item(raters, np.ones(len(raters)))).all()
        assert np.isfinite(loss(data, factors))
    assert np.isfinite(losses).all()


@pytest.mark.parametrize("unobserved_weight", [0.0, 1e-6])
@pytest.mark.parametrize("n_steps", [0, 3])
def test_weights_from_a_millionth_to_a_million_stay_finite(unobserved_weight: float, n_steps: int) -> None:
    data = ratings(1, n_users=30, n_items=20)
    exponents = np.random.default_rng(0).uniform(-6, 6, data.matrix.nnz)
    hyper = Hyperparameters(n_factors=25, unobserved_weight=unobserved_weight, n_epochs=5, n_steps=n_steps)
    factors = fit(data.matrix, hyper, weights=(10.0**exponents).astype(np.float32))
    assert np.isfinite(factors.user_factors).all()
    assert np.isfinite(factors.item_factors).all()


@pytest.mark.parametrize("n_steps", [0, 3])
def test_a_user_with_a_hundred_thousand_ratings_stays_finite(n_steps: int) -> None:
    observed = np.zeros((3, 100_000), bool)
    observed[0] = observed[1, :5] = True
    matrix = sparse(np.ones(observed.shape, np.float32), observed)
    factors = fit(matrix, Hyperparameters(n_factors=8, n_steps=n_steps))
    assert np.isfinite(factors.user_factors).all()
    np.testing.assert_allclose(factors.item_factors[:5] @ factors.user_factors[0], 1.0, atol=0.2)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n_factors", 0),
        ("n_epochs", -1),
        ("unobserved_weight", 1.5),
        ("unobserved_weight", float("nan")),
        ("regularization", -0.1),
        ("regularization", float("inf")),
        ("regularization_exponent", float("nan")),
        ("popularity_discount", 2.0),
    ],
)
def test_hyperparameters_without_meaning_are_refused(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=field):
        Hyperparameters(**{field: value})


def test_biases_beside_unobserved_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="has_biases"):
        Hyperparameters(has_biases=True, unobserved_weight=0.1)


def test_targets_that_are_not_numbers_are_refused() -> None:
    matrix = ratings(0).matrix
    matrix.data[0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        fit(matrix, Hyperparameters())


def test_duplicates_are_refused() -> None:
    matrix = csr_array((np.ones(2, np.float32), np.zeros(2, np.int32), [0, 2]), shape=(1, 1))
    with pytest.raises(ValueError, match="duplicates"):
        fit(matrix, Hyperparameters())


def test_weights_below_the_unobserved_weight_are_refused() -> None:
    matrix = ratings(0).matrix
    with pytest.raises(ValueError, match="weights"):
        fit(matrix, Hyperparameters(unobserved_weight=0.5), weights=np.full(matrix.nnz, 0.1, np.float32))


def test_content_without_categories_is_refused() -> None:
    with pytest.raises(ValueError, match="item_categories"):
        fit(ratings(0).matrix, Hyperparameters(), method="content")
    with pytest.raises(ValueError, match="row per item"):
        fit(ratings(0).matrix, Hyperparameters(), method="content", item_categories=csr_array((2, 2)))
