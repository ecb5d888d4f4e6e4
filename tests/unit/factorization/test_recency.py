"""Newer ratings weigh more: in training as in folding in."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.factorization.fit import fit
from app.factorization.fold_in import FoldIn
from app.factorization.hyperparameters import Hyperparameters
from app.factorization.recency import recency_weights, recency_weights_of_all
from tests.unit.factorization.textbook import ratings

HYPER = Hyperparameters(n_factors=3, unobserved_weight=0.2, recency=0.5)


def test_the_newest_weighs_one_and_each_share_of_newer_ones_takes_some_of_it() -> None:
    weights = recency_weights(np.array([30, 10, 40, 20]), HYPER)
    assert weights == pytest.approx([1 - 0.4 / 4, 1 - 0.4 * 3 / 4, 1, 1 - 0.4 * 2 / 4])


def test_equal_times_weigh_the_same() -> None:
    assert recency_weights(np.array([5, 5, 5]), HYPER) == pytest.approx([1, 1, 1])
    assert recency_weights(np.array([5, 9, 5]), HYPER) == pytest.approx([1 - 0.4 / 3, 1, 1 - 0.4 / 3])


@pytest.mark.parametrize("hyper", [replace(HYPER, recency=0.0), replace(HYPER, unobserved_weight=1.0)])
def test_where_times_cannot_matter_there_are_no_weights(hyper: Hyperparameters) -> None:
    assert recency_weights(np.arange(3), hyper) is None
    assert recency_weights_of_all(np.array([0, 3]), np.arange(3), hyper) is None


@given(st.lists(st.lists(st.integers(0, 4), max_size=6), min_size=1, max_size=6))
def test_all_users_at_once_get_what_each_gets_alone(histories: list[list[int]]) -> None:
    indptr = np.cumsum([0, *map(len, histories)])
    found = recency_weights_of_all(indptr, np.array([t for times in histories for t in times], np.int64), HYPER)
    alone = [weight for times in histories for weight in np.asarray(recency_weights(np.array(times, np.int64), HYPER))]
    assert alone == ([] if found is None else found.tolist())


@pytest.mark.parametrize("method", ["weighted", "observed", "gradient", "content", "svd", "popularity"])
def test_folding_in_a_history_with_its_times_gives_the_trained_row(method: str) -> None:
    data, rng = ratings(3, n_users=20, n_items=12), np.random.default_rng(0)
    times = rng.integers(0, 6, data.matrix.nnz)
    categories = data.matrix.T.tocsr()[:, :4].astype(np.float32)
    factors = fit(data.matrix, HYPER, method=method, timestamps=times, item_categories=categories)
    fold_in, indptr = FoldIn.of(factors), data.matrix.indptr
    for user, trained in enumerate(factors.user_factors):
        part = slice(indptr[user], indptr[user + 1])
        weights = recency_weights(times[part], factors.hyperparameters)
        vector = fold_in.fold_in_user(data.matrix.indices[part], data.matrix.data[part], weights)
        np.testing.assert_allclose(vector, trained, atol=0 if method == "weighted" else 1e-5)


def test_a_taste_follows_what_was_rated_last() -> None:
    data = ratings(3, n_users=20, n_items=12)
    factors = fit(data.matrix, HYPER, timestamps=np.arange(data.matrix.nnz))
    first_new, last_new = (
        FoldIn.of(factors).fold_in_user([2, 7], [1.0, 0.0], recency_weights(np.array(times), HYPER))
        for times in ([2, 1], [1, 2])
    )
    assert first_new @ factors.item_factors[2] > last_new @ factors.item_factors[2]


@pytest.mark.parametrize("recency", [-0.1, 1.1, np.nan])
def test_a_recency_outside_its_range_is_refused(recency: float) -> None:
    with pytest.raises(ValueError, match="recency must lie between 0 and 1"):
        Hyperparameters(recency=recency)


def test_a_version_from_before_there_was_a_recency_has_none() -> None:
    assert Hyperparameters.read({"n_factors": 8}).recency == 0
