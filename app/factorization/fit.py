"""The methods of the family behind one call; each ends as factors that serve through the same fold-in and top n."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from app.factorization.alternating import alternate, solve_users
from app.factorization.arrays import Floats
from app.factorization.content import content_vectors
from app.factorization.hyperparameters import Hyperparameters
from app.factorization.objective import Epoch, Factors
from app.factorization.recency import recency_weights_of_all
from app.factorization.row_blocks import RowBlocks, threads
from app.factorization.side import both_sides
from app.factorization.singular_values import truncated_svd
from app.factorization.start import random_start, warm_start

METHODS = ("popularity", "content", "svd", "observed", "gradient", "weighted")
"""What `fit` understands as its method."""


def fit(
    user_items: csr_array,
    hyperparameters: Hyperparameters,
    *,
    method: str = "weighted",
    weights: Floats | None = None,
    timestamps: NDArray[np.int64] | None = None,
    item_categories: csr_array | None = None,
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
        What shapes the loss and its minimization; a method overrides what defines it.
    method : str
        `weighted` minimizes the loss as given; `observed` and `gradient` do with w0 = 0, by least squares and by
        gradient descent; `svd` with w0 = 1 and λ = 0; `popularity` gives everyone the items with the highest sums of
        targets; `content` describes items by their categories instead of learning them.
    weights : ndarray of shape (n_ratings,), float32, optional
        w_ui in the order of `user_items.data`, at least w0; 1 when not given. Not for `svd` and `popularity`.
    timestamps : ndarray of shape (n_ratings,), int64, optional
        When each rating was given; makes the weights, by the recency ρ, where these are not given.
    item_categories : csr_array of shape (n_items, n_categories), optional
        What `content` needs.
    seed : int
        Of the random start. The same data, seed and kind of machine give the same bytes at any number of threads.
    n_threads : int
        Threads to use.
    start : Factors, optional
        An earlier fit to start from; users, items and factors beyond it start at random.
    on_epoch : callable, optional
        Told after every epoch, by the methods that have epochs.

    Returns
    -------
    Factors
        The fitted factors, with the hyper-parameters that fold users in as the method would.

    Raises
    ------
    ValueError
        When the method is unknown, or the data is not what it must be.
    """
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}: one of {', '.join(METHODS)}")
    check(user_items, weights, hyperparameters)
    rng = np.random.default_rng(seed)
    if method == "popularity":
        return popularity(user_items)
    if method == "svd":
        return singular_values(user_items, hyperparameters, rng)
    with threads(n_threads) as rows:
        if method in {"observed", "gradient"}:
            hyperparameters = replace(hyperparameters, unobserved_weight=0.0, popularity_discount=0.0)
        if weights is None and timestamps is not None:
            weights = recency_weights_of_all(user_items.indptr.astype(np.int64), timestamps, hyperparameters)
        if method == "content":
            if item_categories is None:
                raise ValueError("method 'content' needs item_categories")
            return content(user_items, hyperparameters, item_categories, rows, weights)
        drawn = random_start(user_items, hyperparameters, rng, rows)
        n_steps = 1 if method == "gradient" else hyperparameters.n_steps * (hyperparameters.unobserved_weight > 0)
        first = drawn if start is None else warm_start(drawn, start)
        return alternate(user_items, first, rows, n_steps=n_steps, weights=weights, on_epoch=on_epoch)


def popularity(user_items: csr_array) -> Factors:
    """Rank items by their sum of targets: w0 = 1, one factor, and every user pinned at 1.

    Parameters
    ----------
    user_items : csr_array of shape (n_users, n_items), float32
        The targets.

    Returns
    -------
    Factors
        An item's only coordinate is its mean target over all users, absent ones as zero.
    """
    n_users, n_items = user_items.shape
    sums = np.bincount(user_items.indices, user_items.data.astype(np.float64), minlength=n_items)
    V = (sums / max(n_users, 1)).astype(np.float32).reshape(-1, 1)
    hyper = Hyperparameters(n_factors=1, unobserved_weight=1.0, regularization=0.0, popularity_discount=0.0)
    start = random_start(user_items, hyper, np.random.default_rng(0))
    U, one, zero = np.ones((n_users, 1), np.float32), np.ones(1, np.float32), np.zeros(1, np.float32)
    return replace(start, user_factors=U, item_factors=V, mean_user=one, user_is_free=zero, item_gramian=_squares(V))


def singular_values(user_items: csr_array, hyperparameters: Hyperparameters, rng: np.random.Generator) -> Factors:
    """Decompose the targets: w0 = 1 and λ = 0, solved at once.

    Parameters
    ----------
    user_items : csr_array of shape (n_users, n_items), float32
        The targets.
    hyperparameters : Hyperparameters
        Says how many factors.
    rng : numpy.random.Generator
        The source of chance.

    Returns
    -------
    Factors
        The truncated singular value decomposition.
    """
    hyper = replace(
        hyperparameters,
        unobserved_weight=1.0,
        regularization=0.0,
        popularity_discount=0.0,
        has_mean_user=False,
        has_biases=False,
    )
    start = random_start(user_items, hyper, rng)
    U, V = truncated_svd(user_items, hyper.n_factors, rng)
    return replace(start, user_factors=U, item_factors=V, item_gramian=_squares(V))


def content(
    user_items: csr_array,
    hyperparameters: Hyperparameters,
    item_categories: csr_array,
    rows: RowBlocks,
    weights: Floats | None = None,
) -> Factors:
    """Hold items at their categories and solve the users, and the mean user with them.

    Parameters
    ----------
    user_items : csr_array of shape (n_users, n_items), float32
        The targets.
    hyperparameters : Hyperparameters
        What shapes the loss.
    item_categories : csr_array of shape (n_items, n_categories)
        What items are.
    rows : RowBlocks
        Threads to share the work.
    weights : ndarray of shape (n_ratings,), float32, optional
        w_ui; 1 when not given.

    Returns
    -------
    Factors
        Users' profiles over the principal axes of the categories.

    Raises
    ------
    ValueError
        When there are not as many items as there are columns.
    """
    n_users, n_items = user_items.shape
    if item_categories.shape[0] != n_items:
        raise ValueError("item_categories must have a row per item")
    V = content_vectors(item_categories, hyperparameters.n_factors)
    k = V.shape[1]
    hyper = replace(hyperparameters, n_factors=k, has_biases=False)
    start = random_start(user_items, hyper, np.random.default_rng(0))
    U, pinned = np.zeros((n_users, k), np.float32), np.zeros(k, np.float32)
    factors = replace(start, user_factors=U, item_factors=V, item_is_free=pinned)
    users, _ = both_sides(user_items, hyper, factors.item_weights, weights)
    for _ in range(1 + 4 * hyper.has_mean_user):  # the mean user and the users settle together
        factors = solve_users(factors, users, rows, 0)
    return factors


def check(user_items: csr_array, weights: Floats | None, hyperparameters: Hyperparameters) -> None:
    """Refuse data that would give nonsense.

    Parameters
    ----------
    user_items : csr_array of shape (n_users, n_items), float32
        The targets.
    weights : ndarray of shape (n_ratings,), float32, optional
        w_ui.
    hyperparameters : Hyperparameters
        Says the least weight.

    Raises
    ------
    ValueError
        When targets or weights are not what they must be.
    """
    if not user_items.has_canonical_format:
        raise ValueError("user_items must have sorted indices and no duplicates (sum_duplicates)")
    if not np.isfinite(user_items.data).all():
        raise ValueError("targets must be finite")
    if weights is not None and (
        weights.shape != user_items.data.shape
        or not (weights >= hyperparameters.unobserved_weight).all()
        or not np.isfinite(weights).all()
    ):
        raise ValueError("weights must be finite, one per rating, none below unobserved_weight")


def _squares(vectors: Floats) -> Floats:
    return np.asarray((vectors.astype(np.float64) ** 2).sum(axis=0), np.float32)
