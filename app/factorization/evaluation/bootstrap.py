"""How far a number depends on which users happened to be there: intervals from resampled users."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from app.factorization.arrays import Doubles

N_RESAMPLES = 1000
CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A number and the bounds that hold in 95 of 100 samples of users."""

    mean: float
    low: float
    high: float


def mean_intervals(columns: Doubles, rng: np.random.Generator) -> list[Interval]:
    """Compute means over users, each with its interval.

    Parameters
    ----------
    columns : ndarray of shape (n_users, n_metrics), float64
        A metric a column.
    rng : numpy.random.Generator
        The source of chance; the same users are drawn for all columns.

    Returns
    -------
    list of Interval
        One a column.
    """
    n_users = len(columns)
    sums = resampled_sums(columns, rng) / n_users
    return [_interval(float(mean), drawn) for mean, drawn in zip(columns.mean(axis=0), sums.T, strict=True)]


def error_intervals(errors: Doubles, scale: float, rng: np.random.Generator) -> tuple[Interval, Interval]:
    """Compute the root mean squared and the mean absolute error over pairs, resampling users.

    Parameters
    ----------
    errors : ndarray of shape (n_users, 3), float64
        Squared errors, absolute errors and number of pairs of each user.
    scale : float
        What an error of 1 is on the rating scale.
    rng : numpy.random.Generator
        The source of chance.

    Returns
    -------
    rmse : Interval
        √(Σ squared / Σ pairs) on the rating scale.
    mae : Interval
        Σ absolute / Σ pairs on the rating scale.
    """
    squared, absolute, n_pairs = resampled_sums(errors, rng).T
    all_squared, all_absolute, all_pairs = errors.sum(axis=0)
    rmse = _interval(scale * (all_squared / all_pairs) ** 0.5, scale * np.sqrt(squared / n_pairs))
    return rmse, _interval(scale * all_absolute / all_pairs, scale * absolute / n_pairs)


def difference(
    one: Doubles, other: Doubles, rng: np.random.Generator, statistic: Callable[[Doubles], Doubles] | None = None
) -> Interval:
    """Compare two fits on the same users: how much better the one is, with the interval of that difference.

    Parameters
    ----------
    one, other : ndarray of shape (n_users, n_columns), float64
        What was measured of the same users.
    rng : numpy.random.Generator
        The source of chance; both are judged on the same draws.
    statistic : callable, optional
        Makes numbers of sums of the columns, given as shape (n_draws, n_columns + 1) with the number of users last; by
        default the mean of the first column.

    Returns
    -------
    Interval
        The statistic of the one less that of the other.
    """
    statistic = statistic or (lambda sums: sums[:, 0] / sums[:, -1])
    n = one.shape[1]
    everyone = np.ones((len(one), 1))
    both = np.concatenate([one, everyone, other, everyone], axis=1)

    def compared(sums: Doubles) -> Doubles:
        return statistic(sums[:, : n + 1]) - statistic(sums[:, n + 1 :])

    whole = float(compared(both.sum(axis=0, keepdims=True))[0])
    return _interval(whole, compared(resampled_sums(both, rng)))


def resampled_sums(columns: Doubles, rng: np.random.Generator) -> Doubles:
    """Draw as many users as there are, with replacement, many times, and sum each time.

    Parameters
    ----------
    columns : ndarray of shape (n_users, n_columns), float64
        What to sum.
    rng : numpy.random.Generator
        The source of chance.

    Returns
    -------
    ndarray of shape (N_RESAMPLES, n_columns), float64
        Sums.

    References
    ----------
    Efron and Tibshirani, An introduction to the bootstrap, 1993.
    """
    n_users = len(columns)
    sums = np.empty((N_RESAMPLES, columns.shape[1]))
    for draw in range(N_RESAMPLES):
        times = np.bincount(rng.integers(n_users, size=n_users), minlength=n_users)
        sums[draw] = times @ columns
    return sums


def _interval(mean: float, drawn: Doubles) -> Interval:
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return Interval(float(mean), float(low), float(high))
