"""Intervals hold what they promise, and two fits are compared on the same draws."""

import numpy as np
import pytest

from app.factorization.evaluation.bootstrap import difference, error_intervals, mean_intervals


def test_an_interval_is_as_wide_as_the_normal_approximation_says():
    values = np.random.default_rng(0).standard_normal((2000, 1)) + 5.0
    (found,) = mean_intervals(values, np.random.default_rng(1))
    assert found.mean == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 / 2000**0.5, rel=0.15)


def test_intervals_hold_the_truth_in_about_95_of_100_samples():
    rng = np.random.default_rng(2)
    samples = [mean_intervals(rng.exponential(size=(80, 1)), rng)[0] for _ in range(200)]
    assert 0.88 <= np.mean([low <= 1.0 <= high for _, low, high in samples]) <= 0.99


def test_the_same_seed_gives_the_same_interval():
    values = np.random.default_rng(0).random((50, 2))
    assert mean_intervals(values, np.random.default_rng(3)) == mean_intervals(values, np.random.default_rng(3))


def test_a_small_difference_of_the_same_users_is_seen():
    rng = np.random.default_rng(0)
    one = rng.standard_normal((300, 1))
    other = one - 0.01 + 0.001 * rng.standard_normal((300, 1))
    found = difference(one, other, rng)
    assert 0.009 < found.low < found.mean < found.high < 0.011


def test_errors_weigh_pairs_and_not_users():
    errors = np.array([[4.0, 2.0, 1], [0.0, 0.0, 3]])
    rmse, mae = error_intervals(errors, 5.0, np.random.default_rng(0))
    assert rmse.mean == pytest.approx(5.0)
    assert mae.mean == pytest.approx(2.5)
