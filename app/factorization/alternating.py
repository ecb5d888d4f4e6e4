"""Alternating least squares: with one side held, the loss is a ridge regression for every row of the other."""

import time
from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_array

from app.factorization.arrays import Doubles, Floats
from app.factorization.half_epoch import solve_half_epoch
from app.factorization.objective import Epoch, Factors, Hyperparameters, gramian, loss
from app.factorization.row_blocks import RowBlocks
from app.factorization.side import both_sides


def alternate(
    user_items: csr_array,
    hyperparameters: Hyperparameters,
    start: Factors,
    rows: RowBlocks,
    *,
    weights: Floats | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Factors:
    """Minimize the loss from a start, by turns over items and users.

    Parameters
    ----------
    user_items : csr_array of shape (n_users, n_items), float32
        The targets.
    hyperparameters : Hyperparameters
        The loss, and how many epochs.
    start : Factors
        Where to start; its user factors are what counts.
    rows : RowBlocks
        Threads to share the work.
    weights : ndarray of shape (n_ratings,), float32, optional
        w_ui; 1 when not given.
    on_epoch : callable, optional
        Told after every epoch; computing its loss costs about a third of an epoch.

    Returns
    -------
    Factors
        The last half-epoch is the users', and exact: every user's row is what folding in its ratings gives.
    """
    users, items = both_sides(user_items, hyperparameters, weights)
    w0, nobody = hyperparameters.unobserved_weight, np.zeros(hyperparameters.n_factors, np.float32)
    U, V = start.user_factors, start.item_factors
    factors = start
    for epoch in range(1, hyperparameters.n_epochs + 1):
        began = time.perf_counter()
        U, V, user_gramian = in_principal_axes(U, V)
        V = solve_half_epoch(items, U, user_gramian, w0, nobody, rows)
        V, U, item_gramian = in_principal_axes(V, U)
        mean_user = mean_user_of(U, users.regularization, hyperparameters.mean_user_strength)
        U = solve_half_epoch(users, V, item_gramian, w0, mean_user, rows)
        seconds = time.perf_counter() - began
        factors = Factors(U, V, mean_user, item_gramian, hyperparameters)
        if on_epoch:
            on_epoch(Epoch(epoch, loss(user_items, factors, weights=weights, rows=rows), seconds))
    return factors


def in_principal_axes(held: Floats, moved: Floats) -> tuple[Floats, Floats, Floats]:
    """Rotate both sides into the axes in which the held side's Gramian is diagonal; no score changes.

    Parameters
    ----------
    held : ndarray of shape (n_rows, n_factors), float32
        The side whose Gramian becomes diagonal.
    moved : ndarray of shape (n_others, n_factors), float32
        The side that goes along.

    Returns
    -------
    tuple of ndarray
        Both rotated, and the diagonal of the held side's Gramian, descending, of shape (n_factors,), float32.
    """
    _, axes = np.linalg.eigh(gramian(held))
    rotation = axes[:, ::-1].astype(np.float32)
    held, moved = held @ rotation, moved @ rotation
    return held, moved, np.einsum("uf,uf->f", held, held, dtype=np.float64).astype(np.float32)


def mean_user_of(user_factors: Floats, regularization: Floats, strength: float) -> Floats:
    """Compute μ: the mean of the users' vectors, each weighing its λ_u, where the loss is least; times the strength.

    Parameters
    ----------
    user_factors : ndarray of shape (n_users, n_factors), float32
        U.
    regularization : ndarray of shape (n_users,), float32
        λ_u.
    strength : float
        Multiplies the mean.

    Returns
    -------
    ndarray of shape (n_factors,), float32
        μ.
    """
    total = float(regularization.sum(dtype=np.float64))
    if strength == 0.0 or total == 0.0:
        return np.zeros(user_factors.shape[1], np.float32)
    weighted: Doubles = np.einsum("u,uf->f", regularization, user_factors, dtype=np.float64)
    return (strength / total * weighted).astype(np.float32)
