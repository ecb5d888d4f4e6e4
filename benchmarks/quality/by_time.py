"""Small MovieLens sets by time: rank all items that a user has not rated yet, NDCG@10 of the liked ones to come.

Each user's last fifth of ratings is test, the fifth before it validates; liked is four stars and more. Settings are
chosen with the validation fifth held out and the test fifth unseen, then fitted on both earlier parts.
"""

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from app.factorization.hyperparameters import Hyperparameters
from benchmarks.quality.measuring import Doubles, grid, interval, matrix, ranking_metrics, timed_fit, tune, write_table

TUNED = {
    "ml-latest-small": Hyperparameters(
        n_factors=64, unobserved_weight=0.1, regularization=0.2, popularity_discount=-0.4, recency=0.8, n_epochs=5
    ),
    "ml-100k": Hyperparameters(
        n_factors=64, unobserved_weight=0.2, regularization=0.2, popularity_discount=0.0, recency=0.8, n_epochs=5
    ),
}
"""The best on the validation part, of settings tried there by hand; `--tune` walks a grid around it."""

SVD_FACTORS = {"ml-latest-small": 16, "ml-100k": 16}
"""The best on the validation part of 4, 8, 12, 16, 24 and 32; `--tune` tries them again."""


@dataclass(frozen=True)
class Ratings:
    """A data set, users and items numbered from 0."""

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    stars: Doubles
    times: NDArray[np.int64]
    lowest: float
    categories: csr_array


def main(folder: Path, *, is_quick: bool, is_tuning: bool) -> None:
    """Print the tables, or what tuning finds."""
    for name, read in (("ml-latest-small", read_latest), ("ml-100k", read_100k)):
        ratings = read(folder / name)
        if is_tuning:
            search(name, *split(ratings, train_to=0.6, test_to=0.8))
        else:
            report(name, ratings, n_seeds=1 if is_quick else 5)


def report(name: str, ratings: Ratings, n_seeds: int) -> None:
    """Print a data set's table."""
    train, times, test = split(ratings, train_to=0.8, test_to=1.0)
    defaults = Hyperparameters()
    settings = (
        ("popularity", "popularity", defaults),
        ("content", "content", defaults),
        ("svd, tuned", "svd", replace(defaults, n_factors=SVD_FACTORS[name])),
        ("observed-only, defaults", "observed", defaults),
        ("weighted, defaults but a recency of .8", "weighted", replace(defaults, recency=0.8)),
        ("weighted, defaults", "weighted", defaults),
        ("weighted, tuned", "weighted", TUNED[name]),
    )
    by_user: dict[str, Doubles] = {}
    for label, method, hyper in settings:
        of_seeds = []
        for seed in range(n_seeds if method == "weighted" else 1):
            categories = {"item_categories": ratings.categories} if method == "content" else {}
            factors, _ = timed_fit(train, hyper, method=method, seed=seed, timestamps=times, **categories)
            of_seeds.append(ranking_metrics(factors, train, test, 10)[1])
        by_user[label] = np.mean(of_seeds, axis=0)
    best = by_user["weighted, tuned"]
    rows = []
    for label, ndcg in by_user.items():
        low, high = interval(ndcg)
        less, more = interval(best - ndcg)
        ahead = "" if ndcg is best else f"{less:+.4f} to {more:+.4f}"
        rows.append((label, f"{ndcg.mean():.4f}", f"{low:.4f} to {high:.4f}", ahead))
    columns = ("method", "NDCG@10", "95 % interval", "weighted, tuned, is ahead by (paired, 95 %)")
    write_table(f"{name}-by-time", columns, rows)


def search(name: str, train: csr_array, times: NDArray[np.int64], test: csr_array) -> None:
    """Try settings."""

    def validate(hyper: Hyperparameters, method: str = "weighted") -> tuple[float]:
        fits = (timed_fit(train, hyper, method=method, seed=seed, timestamps=times)[0] for seed in (0, 1))
        return (float(np.mean([ranking_metrics(factors, train, test, 10)[1].mean() for factors in fits])),)

    print(name)
    tune(
        grid(
            Hyperparameters(),
            n_factors=(32, 64, 96),
            unobserved_weight=(0.1, 0.2, 0.4),
            regularization=(0.1, 0.2),
            popularity_discount=(-0.4, -0.2, 0.0, 0.2),
            recency=(0.0, 0.5, 0.8, 1.0),
        ),
        validate,
    )
    tune(grid(Hyperparameters(), n_factors=(4, 8, 12, 16, 24, 32)), lambda hyper: validate(hyper, "svd"))


def split(ratings: Ratings, *, train_to: float, test_to: float) -> tuple[csr_array, NDArray[np.int64], csr_array]:
    """Split each user's ratings by their place in time: targets to train on, their times, and what was liked then."""
    order = np.lexsort((ratings.items, ratings.times, ratings.users))
    users, items = ratings.users[order], ratings.items[order]
    stars, times = ratings.stars[order], ratings.times[order]
    counts = np.bincount(users)
    place = (np.arange(len(users)) - np.repeat(np.cumsum(counts) - counts, counts) + 0.5) / np.repeat(counts, counts)
    shape = len(counts), int(ratings.items.max()) + 1
    is_train, is_liked = place < train_to, (place >= train_to) & (place < test_to) & (stars >= 4)
    targets = (stars - ratings.lowest) / (5 - ratings.lowest)
    liked = matrix(users[is_liked], items[is_liked], np.ones(is_liked.sum()), shape)
    train = matrix(users[is_train], items[is_train], targets[is_train], shape)
    return train, times[is_train][np.lexsort((items[is_train], users[is_train]))], liked


def read_latest(folder: Path) -> Ratings:
    """Read MovieLens latest small."""
    users, items, stars, times = np.loadtxt(folder / "ratings.csv", delimiter=",", skiprows=1).T
    ids, items = np.unique(items.astype(np.int64), return_inverse=True)
    with (folder / "movies.csv").open(encoding="utf-8", newline="") as file:
        genres = {int(row["movieId"]): row["genres"].split("|") for row in csv.DictReader(file)}
    names = sorted({genre for some in genres.values() for genre in some})
    categories = csr_array(np.array([[float(name in genres[item]) for name in names] for item in ids], np.float32))
    return Ratings(users.astype(np.int64) - 1, items, stars, times.astype(np.int64), 0.5, categories)


def read_100k(folder: Path) -> Ratings:
    """Read MovieLens 100K."""
    users, items, stars, times = np.loadtxt(folder / "u.data", np.int64).T
    lines = (folder / "u.item").read_text(encoding="latin-1").splitlines()
    categories = csr_array(np.array([line.split("|")[5:] for line in lines]).astype(np.float32))
    return Ratings(users - 1, items - 1, stars.astype(np.float64), times, 1.0, categories)
