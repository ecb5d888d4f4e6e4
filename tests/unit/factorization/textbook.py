"""Slow, plain, double precision solutions to compare the fast ones with."""

import numpy as np

from app.factorization import Hyperparameters


def dense_loss(targets, observed, weights, U, V, mean_user, hyper):
    """L(U, V), term by term as it is written at the top of `objective.py`."""
    U, V, mean_user = (np.asarray(array, np.float64) for array in (U, V, mean_user))
    scores = U @ V.T
    squares = np.where(observed, weights * (targets - scores) ** 2, hyper.unobserved_weight * scores**2)
    total = np.sum(item_weights(observed, hyper) * squares)
    total += np.sum(user_regularization(observed, hyper) * np.sum((U - mean_user) ** 2, axis=1))
    total += np.sum(user_regularization(observed.T, hyper) * np.sum(V**2, axis=1))
    return total


def user_regularization(observed, hyper):
    count = observed.sum(axis=1) + hyper.unobserved_weight * observed.shape[1]
    return hyper.regularization * np.where(count > 0, np.maximum(count, 1e-300) ** hyper.regularization_exponent, 0)


def item_weights(observed, hyper):
    n_ratings = observed.sum(axis=0)
    discount = np.maximum(n_ratings, 1.0) ** -hyper.popularity_discount
    return discount * n_ratings.sum() / np.sum(n_ratings * discount)


def solve_rows(targets, observed, weights, pair_weights, V, mean, hyper: Hyperparameters):
    """Every row's normal equations, built and solved one at a time."""
    V, mean = np.asarray(V, np.float64), np.asarray(mean, np.float64)
    rows = []
    for u, λ in enumerate(user_regularization(observed, hyper)):
        A, b = λ * np.eye(V.shape[1]), λ * mean
        for i, v in enumerate(V):
            weight = weights[u, i] if observed[u, i] else hyper.unobserved_weight
            weight *= pair_weights[u, i]
            A += weight * np.outer(v, v)
            b += weight * (targets[u, i] if observed[u, i] else 0.0) * v
        # where A is singular (no ratings at w0 = 0), the solution nearest to the mean
        rows.append(mean + np.linalg.lstsq(A, b - A @ mean)[0])
    return np.array(rows)
