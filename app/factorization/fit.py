"""The methods of the family behind one call."""

from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_array

from app.factorization.alternating import alternate
from app.factorization.arrays import Floats
from app.factorization.objective import Epoch, Factors, Hyperparameters
from app.factorization.row_blocks import threads

METHODS = ("weighted",)
"""What `fit` understands as its method."""


def fit(
    user_items: csr_array,
    hyperparameters: Hyperparameters,
    *,
    method: str = "weighted",
    weights: Floats | None = None,
    seed: int = 0,
    n_threads: int = 1,
    start: Factors | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Factors:
    """Fit user and item factors.

    Parameters
    ----------
    user_items : csr_array of shape (n_users, n_items), float32
        The targets a_ui in [0, 1], with sorted indices and no duplicates; a stored zero is observed.
    hyperparameters : Hyperparameters
        What shapes the loss and its minimization.
    method : str
        One of `METHODS`.
    weights : ndarray of shape (n_ratings,), float32, optional
        w_ui in the order of `user_items.data`, at least w0; 1 when not given.
    seed : int
        Of the random start. The same data, seed and kind of machine give the same bytes at any number of threads.
    n_threads : int
        Threads to use.
    start : Factors, optional
        Where to start instead: rows beyond its users start at random.
    on_epoch : callable, optional
        Told after every epoch.

    Returns
    -------
    Factors
        The fitted factors.

    Raises
    ------
    ValueError
        When the method is unknown, or the data is not what it must be.
    """
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}: one of {', '.join(METHODS)}")
    initial = random_start(user_items, hyperparameters, np.random.default_rng(seed), start)
    with threads(n_threads) as rows:
        return alternate(user_items, hyperparameters, initial, rows, weights=weights, on_epoch=on_epoch)


def random_start(
    user_items: csr_array, hyperparameters: Hyperparameters, rng: np.random.Generator, start: Factors | None = None
) -> Factors:
    """Draw vectors to start from, keeping those that are given.

    Parameters
    ----------
    user_items : csr_array of shape (n_users, n_items), float32
        Says how many users and items there are.
    hyperparameters : Hyperparameters
        Says how many factors.
    rng : numpy.random.Generator
        The source of chance.
    start : Factors, optional
        Vectors to keep, for the first users and items and the first factors.

    Returns
    -------
    Factors
        The start.
    """
    n_users, n_items = user_items.shape
    k = hyperparameters.n_factors
    U = rng.standard_normal((n_users, k), np.float32) * np.float32(k**-0.5)
    V = np.zeros((n_items, k), np.float32)
    mean_user = np.zeros(k, np.float32)
    if start is not None:
        for vectors, known in ((U, start.user_factors), (V, start.item_factors)):
            n, f = min(len(vectors), len(known)), min(k, known.shape[1])
            vectors[:n] = 0
            vectors[:n, :f] = known[:n, :f]
        mean_user[: min(k, len(start.mean_user))] = start.mean_user[:k]
    return Factors(U, V, mean_user, np.zeros(k, np.float32), hyperparameters)
