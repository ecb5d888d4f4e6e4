"""Whole evaluations on ratings whose truth is known."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from app.factorization.evaluation import Judging, Split, calibrate, evaluate, split_ratings, user_leanings
from app.factorization.fit import fit
from app.factorization.hyperparameters import Hyperparameters


def two_tastes(seed=0, n_users=200, n_items=60):
    """Users of two kinds, each liking its half of the items and disliking the other; some of it observed."""
    rng = np.random.default_rng(seed)
    likes = np.add.outer(np.arange(n_users), np.arange(n_items)) % 2 == 0
    observed = rng.random(likes.shape) < 0.3
    indptr = np.concatenate([[0], np.cumsum(observed.sum(axis=1))])
    targets = np.where(likes, 1.0, 0.2).astype(np.float32)[observed]
    return csr_array((targets, np.nonzero(observed)[1].astype(np.int32), indptr), shape=likes.shape)


def judged(method, matrix, **hyperparameters):
    split = split_ratings(matrix, np.zeros(matrix.nnz, np.int64), np.random.default_rng(0))
    hyper = Hyperparameters(n_factors=4, **hyperparameters)
    return evaluate(fit(split.train, hyper, method=method), split, Judging(scale=5.0))


def test_taste_is_told_apart_from_popularity():
    weighted, popular = judged("weighted", two_tastes()), judged("popularity", two_tastes())
    assert weighted.metrics["ndcg@10"].low > popular.metrics["ndcg@10"].high
    assert weighted.metrics["coverage@10"].mean > popular.metrics["coverage@10"].mean


def test_values_are_predicted_where_the_loss_is_about_values():
    observed = judged("observed", two_tastes(), regularization=0.02)
    assert observed.metrics["rmse"].mean < 0.5  # likes and dislikes are 4 apart
    assert judged("weighted", two_tastes()).metrics["rmse"].mean < 2.0
    assert "rmse" not in judged("popularity", two_tastes()).metrics


def test_only_users_with_something_relevant_are_judged_by_their_lists():
    test = csr_array(np.array([[0, 0.2, 0], [0, 0, 1.0]], np.float32))
    train = csr_array(np.array([[1.0, 0, 0], [1.0, 0, 0]], np.float32))
    found = evaluate(fit(train, Hyperparameters(n_factors=2)), Split(train, np.arange(train.nnz), test), Judging(n=2))
    assert len(found.by_user["recall@2"]) == 1
    assert found.metrics["recall@2"].mean == 1.0
    assert len(found.scores) == 2


def test_a_held_out_item_that_nobody_rated_in_training_counts_as_missed():
    train = csr_array(np.array([[1.0, 0, 0, 0], [1.0, 1.0, 1.0, 0]], np.float32))
    test = csr_array(np.array([[0, 0, 0, 1.0], [0, 0, 0, 0]], np.float32))
    found = evaluate(fit(train, Hyperparameters(n_factors=2)), Split(train, np.arange(train.nnz), test), Judging(n=2))
    assert found.metrics["recall@2"].mean == 0.0


def test_nothing_held_out_gives_no_metrics():
    train = two_tastes()
    nothing = csr_array(train.shape, dtype=np.float32)
    assert (
        evaluate(
            fit(train, Hyperparameters(n_factors=2)), Split(train, np.arange(train.nnz), nothing), Judging()
        ).metrics
        == {}
    )


@pytest.mark.parametrize("n_threads", [1, 2])
def test_the_same_seed_gives_the_same_metrics(n_threads):
    matrix = two_tastes()
    split = split_ratings(matrix, np.zeros(matrix.nnz, np.int64), np.random.default_rng(0))
    factors = fit(split.train, Hyperparameters(n_factors=4))
    first, second = (evaluate(factors, split, Judging(n_threads=n)).metrics for n in (1, n_threads))
    assert first == second


def test_a_calibration_finds_the_line_and_the_spread():
    rng = np.random.default_rng(0)
    scores = rng.random(5000).astype(np.float32)
    line = calibrate(scores, 2.0 + 3.0 * scores + 0.5 * rng.standard_normal(5000))
    assert line is not None
    assert (line.intercept, line.slope, line.deviation) == pytest.approx((2.0, 3.0, 0.5), rel=0.03)
    falling = calibrate(scores, 4.0 - scores)
    assert falling is not None
    assert falling.slope == 0.0
    assert calibrate(scores[:20], scores[:20]) is None


def test_a_calibration_knows_who_is_generous():
    rng = np.random.default_rng(0)
    scores, leanings = rng.random(5000).astype(np.float32), rng.standard_normal(5000)
    plane = calibrate(scores, 3.0 + scores + 0.7 * leanings, leanings, mean=3.5)
    assert plane is not None
    assert (plane.slope, plane.user_slope, plane.mean) == pytest.approx((1.0, 0.7, 3.5))
    assert plane.predict(np.array([0.5], np.float32), 1.0) == pytest.approx([4.2])
    assert plane.leaning(np.array([])) == 0.0
    assert plane.leaning(np.array([5.0, 5.0])) == pytest.approx(3.0 / 7)


def test_leanings_are_those_of_each_user():
    rated = csr_array(np.array([[5.0, 5.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]], np.float32))
    assert user_leanings(rated, 3.5).tolist() == pytest.approx([3.0 / 7, 0.0, -2.5 / 6])
