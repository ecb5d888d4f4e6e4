"""MovieLens 1M, the NCF protocol: one held-out item per user among 99 sampled negatives, HR@10 and NDCG@10.

Tuning holds one more item per user out of train, at random, and draws 99 items that the user never touched.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from app.factorization.hyperparameters import Hyperparameters
from app.factorization.objective import Factors
from benchmarks.quality.measuring import Doubles, grid, matrix, mean_and_spread, timed_fit, tune, write_table

PUBLISHED = (
    ("popularity", ".4535", ".2542"),
    ("eALS", ".7018", ".4280"),
    ("NeuMF", ".7210", ".4387"),
    ("CFNet", ".7253", ".4416"),
    ("a well-tuned iALS", ".7308", ".4531"),
)

TUNED = Hyperparameters(
    n_factors=256,
    unobserved_weight=0.2,
    regularization=0.0088,
    regularization_exponent=1.0,
    has_mean_user=False,
    n_epochs=8,
)
"""The best on the validation part, of settings tried there by hand; `--tune` walks a grid around it."""


def main(folder: Path, *, is_quick: bool, is_tuning: bool) -> None:
    """Print the table, or what tuning finds."""
    data = np.load(folder / "ml-1m-ncf/ml-1m-ncf.npz")
    shape = 6040, int(max(data["train_item"].max(), data["test_item"].max(), data["test_neg"].max())) + 1
    users, items = data["train_user"], data["train_item"]
    held = np.empty(shape[0], np.int32)
    held[data["test_user"]] = data["test_item"]
    negatives = np.empty((shape[0], 99), np.int32)
    negatives[data["test_user"]] = data["test_neg"]
    train = matrix(users, items, np.ones(len(users)), shape)
    if is_tuning:
        search(train, held)
        return
    settings = [("weighted, defaults", "weighted", Hyperparameters()), ("weighted, tuned", "weighted", TUNED)]
    settings += [(method, method, Hyperparameters()) for method in ("popularity", "svd", "observed")]
    rows: list[tuple[object, ...]] = [(f"{name}, as published", *figures, "") for name, *figures in PUBLISHED]
    for name, method, hyper in settings:
        n_seeds = 5 if method == "weighted" and not is_quick else 1
        figures = []
        for seed in range(n_seeds):
            factors, took = timed_fit(train, hyper, method=method, seed=seed)
            hits, ndcg = sampled_metrics(factors, held, negatives)
            figures.append((float(hits.mean()), float(ndcg.mean()), took))
        hit_rates, ndcgs, seconds = zip(*figures, strict=True)
        rows.append((
            f"**{name}, {factors.item_factors.shape[1]} factors**",
            mean_and_spread(hit_rates),
            mean_and_spread(ndcgs),
            f"{np.median(seconds):.0f}",
        ))
    write_table("ml-1m", ("method", "HR@10", "NDCG@10", "seconds"), rows)


def search(train: csr_array, test_items: NDArray[np.int32]) -> None:
    """Try settings on an item per user held out of train."""
    splits = [hold_out(train, test_items, np.random.default_rng(seed)) for seed in (1, 2, 3, 4)]

    def validate(hyper: Hyperparameters) -> tuple[float, float]:
        figures = []
        for earlier, held, negatives in splits:
            factors, _ = timed_fit(earlier, hyper)
            hits, ndcg = sampled_metrics(factors, held, negatives)
            figures.append((float(hits.mean()), float(ndcg.mean())))
        hit_rate, ndcg_mean = np.mean(figures, axis=0)
        return float(hit_rate), float(ndcg_mean)

    tune(
        grid(
            TUNED,
            n_factors=(128, 256, 384),
            unobserved_weight=(0.15, 0.2, 0.25),
            regularization=(0.006, 0.0088, 0.012),
        ),
        validate,
    )
    tune(grid(TUNED, popularity_discount=(-0.1, 0.0, 0.1), n_epochs=(5, 8, 12)), validate)
    tune(
        grid(replace(TUNED, regularization_exponent=0.5), regularization=(0.2, 0.3), has_mean_user=(False, True)),
        validate,
    )


def hold_out(
    train: csr_array, test_items: NDArray[np.int32], rng: np.random.Generator
) -> tuple[csr_array, NDArray[np.int32], NDArray[np.int32]]:
    """Hold an item per user out, and draw 99 that the user has neither in train nor in test."""
    n_users, n_items = train.shape
    positions = train.indptr[:-1] + (rng.random(n_users) * np.diff(train.indptr)).astype(np.int64)
    rows = np.repeat(np.arange(n_users), np.diff(train.indptr))
    is_kept = np.ones(train.nnz, bool)
    is_kept[positions] = False
    negatives = np.empty((n_users, 99), np.int32)
    for user in range(n_users):
        touched = np.append(train.indices[train.indptr[user] : train.indptr[user + 1]], test_items[user])
        negatives[user] = rng.choice(np.setdiff1d(np.arange(n_items), touched), 99, replace=False)
    earlier = matrix(rows[is_kept], train.indices[is_kept], train.data[is_kept], train.shape)
    return earlier, train.indices[positions], negatives


def sampled_metrics(
    factors: Factors, held: NDArray[np.int32], negatives: NDArray[np.int32]
) -> tuple[NDArray[np.bool_], Doubles]:
    """Compute each user's hit and NDCG at 10; ties count against us; the held-out item among its negatives does not."""
    users, items = factors.user_factors, factors.item_factors
    of_held = np.einsum("uf,uf->u", users, items[held])
    of_negatives = np.einsum("uf,unf->un", users, items[negatives])
    is_better = (of_negatives >= of_held[:, None]) & (negatives != held[:, None])
    ranks = is_better.sum(axis=1)
    hits = ranks < 10
    return hits, np.where(hits, 1.0 / np.log2(ranks + 2.0), 0.0)
