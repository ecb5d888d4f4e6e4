"""Slow, plain, double precision solutions to compare the fast ones with, and ratings to try both on."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from app.factorization.hyperparameters import Hyperparameters
from app.factorization.objective import Factors

Array = NDArray[Any]


class Ratings(NamedTuple):
    """The same ratings, sparse and dense."""

    matrix: csr_array
    targets: Array
    observed: Array
    weights: Array


def ratings(seed: int, n_users: int = 12, n_items: int = 9, density: float = 0.4) -> Ratings:
    """Draw targets with some stored zeros, a user and an item without ratings, and weights."""
    rng = np.random.default_rng(seed)
    observed = rng.random((n_users, n_items)) < density
    observed[n_users // 2] = False
    observed[:, n_items // 2] = False
    targets = np.where(observed, rng.integers(0, 5, observed.shape) / 4, 0.0).astype(np.float32)
    weights = rng.uniform(1.0, 3.0, observed.shape).astype(np.float32)
    return Ratings(sparse(targets, observed), targets, observed, weights)


def sparse(targets: Array, observed: Array) -> csr_array:
    """Store the observed targets, zeros too."""
    indptr = np.concatenate([[0], np.cumsum(observed.sum(axis=1))])
    columns = np.nonzero(observed)[1].astype(np.int32)
    return csr_array((targets[observed].astype(np.float32), columns, indptr), shape=observed.shape)


def dense_loss(ratings: Ratings, U: Array, V: Array, mean_user: Array, hyper: Hyperparameters) -> float:
    """L(U, V), term by term as it is written at the top of `objective.py`."""
    _, targets, observed, weights = ratings
    U, V, mean_user = (np.asarray(array, np.float64) for array in (U, V, mean_user))
    scores = U @ V.T
    squares = np.where(observed, weights * (targets - scores) ** 2, hyper.unobserved_weight * scores**2)
    total = np.sum(item_weights(observed, hyper) * squares)
    total += np.sum(regularization(observed, hyper) * np.sum((U - mean_user) ** 2, axis=1))
    total += np.sum(regularization(observed.T, hyper) * np.sum(V**2, axis=1))
    return float(total)


def regularization(observed: Array, hyper: Hyperparameters) -> Array:
    """λ_u of every row."""
    count = observed.sum(axis=1) + hyper.unobserved_weight * observed.shape[1]
    powers = np.where(count > 0, np.maximum(count, 1e-300) ** hyper.regularization_exponent, 0.0)
    return np.asarray(hyper.regularization * powers)


def item_weights(observed: Array, hyper: Hyperparameters) -> Array:
    """c_i of every item."""
    n_ratings = observed.sum(axis=0)
    discount = np.maximum(n_ratings, 1.0) ** -hyper.popularity_discount
    return np.asarray(discount * max(n_ratings.sum(), 1) / max(np.sum(n_ratings * discount), 1e-300))


def solve_users(ratings: Ratings, V: Array, mean_user: Array, hyper: Hyperparameters) -> Array:
    """Every user's normal equations, built and solved one at a time."""
    _, targets, observed, weights = ratings
    w = np.where(observed, weights, hyper.unobserved_weight) * item_weights(observed, hyper)
    return _solve(targets, w, regularization(observed, hyper), np.asarray(V, np.float64), mean_user)


def solve_items(ratings: Ratings, U: Array, hyper: Hyperparameters) -> Array:
    """Every item's normal equations, built and solved one at a time."""
    _, targets, observed, weights = ratings
    w = np.where(observed, weights, hyper.unobserved_weight) * item_weights(observed, hyper)
    U = np.asarray(U, np.float64)
    return _solve(targets.T, w.T, regularization(observed.T, hyper), U, np.zeros(U.shape[1]))


def _solve(targets: Array, weights: Array, regularization: Array, V: Array, mean: Array) -> Array:
    rows = []
    for a, w, λ in zip(targets, weights, regularization, strict=True):
        A, b = λ * np.eye(V.shape[1]), λ * mean.astype(np.float64)
        for target, weight, v in zip(a, w, V, strict=True):
            A += weight * np.outer(v, v)
            b += weight * target * v
        # where A is singular (no ratings at w0 = 0), the solution nearest to the mean
        rows.append(mean + np.linalg.lstsq(A, b - A @ mean)[0])
    return np.array(rows)


def scores(factors: Factors) -> Array:
    """UVᵀ in double precision."""
    return np.asarray(factors.user_factors.astype(np.float64) @ factors.item_factors.T.astype(np.float64))
