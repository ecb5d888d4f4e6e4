"""Gowalla, the LightGCN split: rank every item outside train, Recall@20 and NDCG@20.

Tuning looks at train alone. The published test is the later part of each user's check-ins: how often an item occurs in
test against train grows with its popularity, from .25 to .40, and the same holds of the last fifth of each train list,
but not of a random fifth. So the last fifth of each train list (train lists keep their order) is what validates; the
random validation part is of the wrong kind to tune how much popularity should count, and only joins the final train.

Where a validation check-in stood in its list is not known, so for the recency it takes the middle. Published methods
do not look at the order, nor do the rows without recency.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from app.factorization.hyperparameters import Hyperparameters
from benchmarks.quality.measuring import (
    grid,
    matrix,
    mean_and_spread,
    ranking_metrics,
    timed_fit,
    tune,
    write_table,
)

N_USERS, N_ITEMS = 29_858, 40_981
PUBLISHED = (
    ("popularity", ".0416", ".0317"),
    ("MF-BPR", ".1627", ".1378"),
    ("EASE", ".1765", ".1467"),
    ("LightGCN", ".1830", ".1554"),
    ("GF-CF", ".1849", ".1518"),
    ("UltraGCN", ".1862", ".1580"),
    ("SimpleX", ".1872", ".1557"),
)

AT_256 = Hyperparameters(
    n_factors=256, unobserved_weight=0.02, regularization=0.06, popularity_discount=0.4, recency=0.8, n_epochs=5
)
"""The best on the validation part, of settings tried there by hand; `--tune` walks a grid around it."""

LARGE = replace(AT_256, n_factors=1024, regularization=0.08, n_epochs=4)
"""The best on the validation part, of settings tried there by hand; `--tune` walks a grid around it."""


def main(folder: Path, *, is_quick: bool, is_tuning: bool) -> None:
    """Print the table, or what tuning finds."""
    train = read(folder / "gowalla/lgpp_train.txt")
    if is_tuning:
        search(train)
        return
    valid = read(folder / "gowalla/lgpp_valid.txt")
    lists = [a + b for a, b in zip(train, valid, strict=True)]
    places = [[*in_order(a), *[0.5] * len(b)] for a, b in zip(train, valid, strict=True)]
    user_items, test = as_matrix(lists), as_matrix(read(folder / "gowalla/test.txt"))
    columns = ("method", "Recall@20", "NDCG@20", "seconds")
    write_table("gowalla", columns, rows(user_items, as_times(lists, places), test, is_quick=is_quick))


def rows(
    user_items: csr_array, times: NDArray[np.int64], test: csr_array, *, is_quick: bool
) -> Iterator[tuple[object, ...]]:
    """Fit and measure, setting by setting."""
    yield from ((f"{name}, as published", *figures, "") for name, *figures in PUBLISHED)
    defaults = Hyperparameters()
    settings = [
        ("weighted, tuned", "weighted", AT_256, 1 if is_quick else 3),
        ("weighted, tuned, without recency", "weighted", replace(AT_256, recency=0.0), 1 if is_quick else 3),
        ("weighted, tuned", "weighted", LARGE, 0 if is_quick else 1),
        ("weighted, more of them untuned", "weighted", replace(LARGE, n_factors=1536), 0 if is_quick else 1),
        ("weighted, defaults", "weighted", defaults, 1 if is_quick else 3),
    ]
    settings += [(f"{method}, defaults", method, defaults, 1) for method in ("popularity", "svd", "observed")]
    for name, method, hyper, n_seeds in settings:
        figures = []
        for seed in range(n_seeds):
            factors, seconds = timed_fit(user_items, hyper, method=method, seed=seed, timestamps=times)
            recall, ndcg = ranking_metrics(factors, user_items, test, 20)
            figures.append((float(recall.mean()), float(ndcg.mean()), seconds))
        if figures:
            recalls, ndcgs, took = zip(*figures, strict=True)
            label = f"**{name}, {factors.item_factors.shape[1]} factors**"
            yield label, mean_and_spread(recalls), mean_and_spread(ndcgs), f"{np.median(took):.0f}"


def search(lists: list[list[int]]) -> None:
    """Try settings on the last fifth of each train list."""
    n_last = [max(1, round(0.2 * len(items))) for items in lists]
    first = [items[:-n] for items, n in zip(lists, n_last, strict=True)]
    earlier, times = as_matrix(first), as_times(first, [in_order(items) for items in first])
    later = as_matrix([items[-n:] for items, n in zip(lists, n_last, strict=True)])
    sample = np.sort(np.random.default_rng(5).choice(N_USERS, 6000, replace=False))
    later = as_matrix_of(later, sample)

    def validate(hyper: Hyperparameters) -> tuple[float, float]:
        factors, _ = timed_fit(earlier, hyper, timestamps=times)
        recall, ndcg = ranking_metrics(factors, earlier, later, 20)
        return float(recall.mean()), float(ndcg.mean())

    tune(
        grid(
            AT_256,
            popularity_discount=(0.0, 0.3, 0.4, 0.5),
            regularization=(0.05, 0.06, 0.08),
            unobserved_weight=(0.015, 0.02, 0.03),
            n_epochs=(4, 5),
            recency=(0.6, 0.8, 0.9),
        ),
        validate,
    )
    tune(grid(LARGE, regularization=(0.06, 0.08, 0.1), n_epochs=(4, 6)), validate)


def read(path: Path) -> list[list[int]]:
    """Read a file whose line is `user item item …`, users in order."""
    return [[int(item) for item in line.split()[1:]] for line in path.read_text(encoding="ascii").splitlines()]


def in_order(items: list[int]) -> list[float]:
    """Say where in a list each of its items stands: 0 the beginning, 1 the end."""
    return [(place + 0.5) / len(items) for place in range(len(items))]


def as_times(lists: list[list[int]], places: list[list[float]]) -> NDArray[np.int64]:
    """Turn places in lists into times, in the order of `as_matrix`."""
    users = np.repeat(np.arange(N_USERS), [len(items) for items in lists])
    items, times = (np.concatenate([np.array(one) for one in many]) for many in (lists, places))
    return np.asarray(times[np.lexsort((items, users))] * 1e6, np.int64)


def as_matrix(lists: list[list[int]]) -> csr_array:
    """Turn lists into a matrix of ones."""
    users = np.repeat(np.arange(N_USERS), [len(items) for items in lists])
    items = np.concatenate([np.array(items, np.int32) for items in lists])
    return matrix(users, items, np.ones(len(items)), (N_USERS, N_ITEMS))


def as_matrix_of(test: csr_array, users: np.ndarray[tuple[int], np.dtype[np.intp]]) -> csr_array:
    """Keep these users' rows, empty the others."""
    is_kept = np.isin(np.repeat(np.arange(N_USERS), np.diff(test.indptr)), users)
    rows = np.repeat(np.arange(N_USERS), np.diff(test.indptr))[is_kept]
    return matrix(rows, test.indices[is_kept], test.data[is_kept], (N_USERS, N_ITEMS))
