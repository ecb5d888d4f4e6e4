"""What `foldin tune` is worth on ratings that it has never seen: `python -m benchmarks.tuning [SECONDS]`.

Each data set of the folder that FOLDIN_BENCH_DATA names is imported into a store of its own, tuned for SECONDS (60),
and evaluated by time, as `foldin evaluate` does: the latest fifth of every user's ratings, which no search looked at.
"""

import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.config import Settings
from app.factorization.evaluation import Evaluation, Interval, difference
from app.services.files.import_files import import_ratings
from app.services.training.arranging import Arranged
from app.services.training.configuring import Configuration, configuration_of
from app.services.training.evaluating import load_arranged, split_of
from app.services.training.trials import judging_of, try_out
from app.services.training.tuning import Tuner
from app.storage.engine import Store
from app.storage.migrate import migrate

FILES = {"ml-latest-small": "ratings.csv", "ml-100k": "u.data"}
SEEDS = range(5)
N_THREADS = 2


def main(folder: Path, seconds: float) -> None:
    """Print a table for each data set that is there."""
    for name, file in FILES.items():
        path = folder / name / file
        if not path.is_file():
            print(f"skipped {name}: FOLDIN_BENCH_DATA names no folder that holds {name}/{file}")
            continue
        with tempfile.TemporaryDirectory() as directory:
            report(name, path, Settings(data_dir=Path(directory), database_url="", n_threads=N_THREADS), seconds)


def report(name: str, path: Path, settings: Settings, seconds: float) -> None:
    """Import, tune, evaluate, print."""
    migrate(settings.store_url)
    store = Store(settings.store_url)
    import_ratings(store, settings, [path])
    found = Tuner(store, settings, seconds=seconds).run()
    arranged = load_arranged(store, settings)
    default = configuration_of(settings)
    tuned = configuration_of(settings, found["hyperparameters"])
    popular = configuration_of(settings, method="popularity")
    fits = {"popularity": popular, "weighted, defaults": default, "weighted, tuned": tuned}
    by_user = {label: ndcg_by_user(one, arranged, settings) for label, one in fits.items()}
    print(f"\n{name}, by time, {len(SEEDS)} seeds; {found['n_trials']} candidates in {found['seconds']:.0f} s")
    print(f"chosen: {found['hyperparameters']}\n")
    print("| | NDCG@10 | 95 % interval | tuned is ahead by (paired) |\n|---|---|---|---|")
    best = by_user["weighted, tuned"]
    nobody = np.zeros_like(best)
    for label, values in by_user.items():
        own = difference(values, nobody, np.random.default_rng(0))
        ahead = difference(best, values, np.random.default_rng(0))
        print(f"| {label} | {own.mean:.4f} | {spread(own)} | {ahead.mean:+.4f} ({spread(ahead)}) |")
    store.close()


def ndcg_by_user(one: Configuration, arranged: Arranged, settings: Settings) -> NDArray[np.float64]:
    """Average each user's NDCG@10 on the test part over random starts.

    Returns
    -------
    ndarray of shape (n_users, 1), float64
        The averages.
    """
    split = split_of(arranged, "time", settings.seed)
    evaluations: list[Evaluation] = [
        try_out(replace(one, seed=seed), arranged, split, judging_of(settings, one)).evaluation for seed in SEEDS
    ]
    ndcg: NDArray[np.float64] = np.stack([found.by_user["ndcg@10"] for found in evaluations], axis=1)
    mean: NDArray[np.float64] = ndcg.mean(axis=1, keepdims=True)
    return mean


def spread(interval: Interval) -> str:
    """Write the bounds.

    Returns
    -------
    str
        Both.
    """
    return f"{interval.low:.4f} to {interval.high:.4f}"


if __name__ == "__main__":
    main(Path(os.environ.get("FOLDIN_BENCH_DATA", "")), float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
