"""Ranking metrics, intervals and tables: what all protocols share. No data and no settings live here."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from app.factorization.evaluation.ranking import rank_items
from app.factorization.fit import fit
from app.factorization.hyperparameters import Hyperparameters
from app.factorization.objective import Factors
from app.factorization.row_blocks import threads
from benchmarks.tables import measured

Doubles = NDArray[np.float64]
N_THREADS = 2


def ranking_metrics(factors: Factors, train: csr_array, test: csr_array, n: int) -> tuple[Doubles, Doubles]:
    """Compute each test user's Recall@n (hits / test items) and NDCG@n (ideal cut at min(n, test items))."""
    n_relevant = np.diff(test.indptr)
    users = np.flatnonzero(n_relevant)
    discounts = 1.0 / np.log2(np.arange(2, n + 2))
    ideal = np.cumsum(discounts)
    recall, ndcg = np.empty(len(users)), np.empty(len(users))
    with threads(N_THREADS) as rows:
        lists = rank_items(factors.user_factors[users], factors.item_factors, train[users], n, rows)
    for row, (user, items) in enumerate(zip(users, lists, strict=True)):
        hits = np.isin(items, test.indices[test.indptr[user] : test.indptr[user + 1]])
        recall[row] = hits.sum() / n_relevant[user]
        ndcg[row] = hits @ discounts / ideal[min(n, n_relevant[user]) - 1]
    return recall, ndcg


def matrix(users: Any, items: Any, targets: Any, shape: tuple[int, int]) -> csr_array:
    """Build user_items, keeping targets of zero as observed."""
    order = np.lexsort((items, users))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(users, minlength=shape[0]))])
    return csr_array((np.asarray(targets, np.float32)[order], np.asarray(items, np.int32)[order], indptr), shape=shape)


def interval(values: Doubles, seed: int = 0) -> tuple[float, float]:
    """Bootstrap the mean over users: the central 95 % of 1,000 resamples."""
    rng = np.random.default_rng(seed)
    means = [values[rng.integers(0, len(values), len(values))].mean() for _ in range(1000)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def timed_fit(
    user_items: csr_array, hyperparameters: Hyperparameters, *, method: str = "weighted", **more: Any
) -> tuple[Factors, float]:
    """Fit, and say how many seconds it took."""
    began = time.perf_counter()
    factors = fit(user_items, hyperparameters, method=method, n_threads=N_THREADS, **more)
    return factors, time.perf_counter() - began


def grid(start: Hyperparameters, **choices: Sequence[Any]) -> Iterator[Hyperparameters]:
    """Vary hyper-parameters, in all combinations."""
    for values in product(*choices.values()):
        yield replace(start, **dict(zip(choices, values, strict=True)))


def tune(candidates: Iterable[Hyperparameters], validate: Callable[[Hyperparameters], tuple[float, ...]]) -> None:
    """Print every candidate's validation metrics, and the best by the last of them."""
    best: tuple[float, Hyperparameters] | None = None
    for candidate in candidates:
        metrics = validate(candidate)
        print(" ".join(f"{metric:.4f}" for metric in metrics), candidate, flush=True)
        if best is None or metrics[-1] > best[0]:
            best = metrics[-1], candidate
    print("best:", best)


def mean_and_spread(values: Sequence[float]) -> str:
    """Write a mean over seeds, and the standard deviation between them."""
    return f"{np.mean(values):.4f}" + (f" ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else "")


def write_table(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print and keep a table, each row as soon as there is one."""
    with measured(f"quality-{name}", header=tuple(columns)) as row:
        for cells in rows:
            row(*cells)
