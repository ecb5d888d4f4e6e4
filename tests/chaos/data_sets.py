"""Trainings on data that nobody meant to happen: whatever is published is finite, and the trainer goes on.

Everything is real but the reading of the ratings, so that they may hold what the API refuses.
"""

import random
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import numpy as np

from app.config import Settings
from app.services.training import running
from app.storage.artifacts import read_artifacts
from app.storage.catalogue import CatalogueRow
from app.storage.engine import Store
from app.storage.migrate import migrate
from app.storage.training_data import TrainingData

METHODS = ["weighted", "weighted", "weighted", "observed", "svd", "popularity", "content"]


def draw(rng: np.random.Generator) -> TrainingData:
    """Ratings of a random size and kind."""
    n = int(rng.choice([0, 1, 2, 5, 30, 200]))
    n_users, n_items = (int(rng.choice([1, 2, 5, 40])) for _ in range(2))
    users, items = rng.integers(1, n_users + 1, n), rng.integers(1, n_items + 1, n)
    kinds = ["scale", "equal", "lowest", "highest", "halves", "nan", "infinite", "beyond", "tiny"]
    kind = kinds[int(rng.integers(len(kinds)))]
    values = {
        "scale": rng.uniform(0, 5, n),
        "equal": np.full(n, 3.0),
        "lowest": np.zeros(n),
        "highest": np.full(n, 5.0),
        "halves": rng.integers(0, 2, n) * 5.0,
        "nan": np.where(rng.random(n) < 0.3, np.nan, 3.0),
        "infinite": np.where(rng.random(n) < 0.3, np.inf, 3.0) * rng.choice([-1, 1], n),
        "beyond": rng.choice([1e300, -1e300, 1e38, 6.0, -1.0], n),
        "tiny": rng.choice([1e-300, 5e-324, 1e-40, 0.0], n),
    }[kind]
    # a pair that is drawn twice is one rating: the table's primary key sees to it
    _, first = np.unique(np.stack([users, items]), axis=1, return_index=True)
    users, items, values = users[first], items[first], values[first]
    times = rng.choice([0, 1, 2**62, -(2**62)], len(values)).astype(np.int64)
    return TrainingData(users.astype(np.int64), items.astype(np.int64), values, times, int(rng.integers(2**40)), [])


def run_data_sets(*, seed: int, cycles: int, is_ungated: bool = False) -> dict[str, object]:
    """Train on one data set after another; without gate and verification, as the control, poison is published."""
    rng, pick, started, counts = np.random.default_rng(seed), random.Random(seed), time.monotonic(), Counter[str]()
    reasons = Counter[str]()

    def count_crash(*_: object, **__: object) -> None:
        counts["crashed"] += 1

    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        url = f"sqlite:///{folder}/foldin.db"
        migrate(url)
        store = Store(url)
        for _ in range(cycles):
            method = pick.choice(METHODS)
            settings = Settings.model_validate({
                "database_url": url,
                "data_dir": folder,
                "method": method,
                "n_factors": pick.choice([1, 2, 4, 16]),
                "n_epochs": pick.choice([1, 3]),
                "n_threads": 1,
                "keep_versions": 1,
                "cursor_seconds": 0,
                "unobserved_weight": pick.choice([None, None, 0.0, 1.0]),
                "regularization": pick.choice([None, None, 0.0, 1e-12]),
            })
            with patch.object(running, "log", Mock(exception=count_crash)):
                run = _train(store, settings, draw(rng), is_ungated)
            counts[run.status] += 1
            if run.status == "failed" and run.reason:
                reasons[run.reason[:100]] += 1
            if run.model_version is not None:
                arrays = read_artifacts(settings.models_dir / str(run.model_version)).arrays
                finite = all(np.isfinite(array).all() for array in arrays.values() if array.dtype.kind == "f")
                counts["not_finite"] += not finite
        store.close()
    ended: dict[str, object] = {f"runs_{status}": counts[status] for status in ("succeeded", "refused", "failed")}
    ended |= {"not_finite": counts["not_finite"], "crashed": counts["crashed"], "reasons": dict(reasons)}
    return ended | {"cycles": cycles, "seconds": round(time.monotonic() - started, 1)}


def _train(store: Store, settings: Settings, data: TrainingData, is_ungated: bool) -> Any:
    keys = np.unique(data.item_keys).tolist()
    rows = [CatalogueRow(key, f"i{key:04}", None, ["odd"] if key % 2 else [], False, 0, None, None, {}) for key in keys]
    ids = {int(key): f"u{key}" for key in np.unique(data.user_keys)}
    with ExitStack() as patched:
        patched.enter_context(patch.object(running, "load_training_data", lambda *_: data))
        patched.enter_context(patch("app.storage.catalogue.items_by_key", lambda _: rows))
        patched.enter_context(patch.object(running, "read_ids", lambda *_: ids))
        if is_ungated:
            from app.services.training import publishing

            for module, name in ((running, "refusal_of_factors"), (running, "refusal_of_loss")):
                patched.enter_context(patch.object(module, name, lambda *_: None))
            patched.enter_context(patch.object(publishing, "from_arrays", lambda *_: None))
            patched.enter_context(patch("app.services.training.verdicts.refusal_of_factors", lambda *_: None))
            patched.enter_context(patch.object(running, "leave_out_unusable", lambda known, _: known))
        run = running.train_once(store, settings)
    assert run is not None
    return run
