"""MovieLens 100K, the official folds u1 to u5: RMSE of predicted stars, by the observed-only method with biases.

The settings are chosen inside each .base alone, on a random tenth of it, from the same short list for all folds.
That list was drawn up inside u1.base, which holds the test rows of the other folds: u1 is the figure free of that.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.factorization.fit import fit
from app.factorization.hyperparameters import Hyperparameters
from benchmarks.quality.measuring import matrix, mean_and_spread, write_table

SHAPE = 943, 1682
PLAIN = Hyperparameters(
    n_factors=20,
    unobserved_weight=0.0,
    regularization=5.0,
    regularization_exponent=0.0,
    popularity_discount=0.0,
    has_biases=True,
    n_epochs=25,
)
WITH_SELECTION = replace(PLAIN, has_selection=True, selection_regularization=8.0)

PLAIN_CHOICES = [
    replace(PLAIN, regularization=regularization, regularization_exponent=exponent)
    for exponent, regularization in ((0.0, 3.0), (0.0, 5.0), (1.0, 0.03), (1.0, 0.06))
]
SELECTION_CHOICES = [replace(WITH_SELECTION, regularization=regularization) for regularization in (4.0, 5.0, 6.0)]


def main(folder: Path, *, is_quick: bool, is_tuning: bool) -> None:
    """Print the table; tuning belongs to the protocol, and its choices are printed when asked for."""
    seeds = range(1 if is_quick else 2)
    folds = (1, 2) if is_quick else (1, 2, 3, 4, 5)
    rows = []
    for name, choices in (("biases", PLAIN_CHOICES), ("biases, selection", SELECTION_CHOICES)):
        by_fold = []
        for fold in folds:
            base, test = read(folder / f"ml-100k/u{fold}.base"), read(folder / f"ml-100k/u{fold}.test")
            chosen = choose(base, choices, is_told=is_tuning)
            by_fold.append([rmse(base, test, chosen, seed) for seed in seeds])
        means = np.mean(by_fold, axis=1)
        over_seeds = np.mean(by_fold, axis=0)
        rows.append((f"**observed-only: {name}**", *(f"{mean:.4f}" for mean in means), mean_and_spread(over_seeds)))
    write_table(
        "ml-100k-rmse",
        ("method", *(f"u{k}" for k in folds), "mean"),
        rows,
    )


def choose(ratings: NDArray[np.int64], choices: Sequence[Hyperparameters], *, is_told: bool = False) -> Hyperparameters:
    """Choose by a random tenth of the ratings."""
    is_held = np.random.default_rng(1).random(len(ratings)) < 0.1
    errors = [rmse(ratings[~is_held], ratings[is_held], hyper, 0) for hyper in choices]
    if is_told:
        for error, hyper in zip(errors, choices, strict=True):
            print(f"{error:.4f}", hyper)
    return choices[int(np.argmin(errors))]


def rmse(ratings: NDArray[np.int64], test: NDArray[np.int64], hyper: Hyperparameters, seed: int) -> float:
    """Fit on ratings, predict test; predictions are kept on the scale."""
    train = matrix(ratings[:, 0], ratings[:, 1], (ratings[:, 2] - 1) / 4, SHAPE)
    factors = fit(train, hyper, method="observed", seed=seed)
    users, items, stars = test.T
    predicted = 1 + 4 * np.einsum("rf,rf->r", factors.user_factors[users], factors.item_factors[items])
    return float(np.sqrt(np.mean((np.clip(predicted, 1, 5) - stars) ** 2)))


def read(path: Path) -> NDArray[np.int64]:
    """Read user, item (both from 0) and stars."""
    rows: NDArray[np.int64] = np.loadtxt(path, np.int64, usecols=(0, 1, 2))
    rows[:, :2] -= 1
    return rows
