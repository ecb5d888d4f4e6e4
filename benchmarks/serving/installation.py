"""A service with a model of any size, of invented vectors: how fast answers are does not depend on their sense."""

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np

from app.factorization.arrays import Floats
from app.factorization.hyperparameters import Hyperparameters
from app.factorization.objective import Factors
from app.services.clock import now_microseconds
from app.serving.item_table import ItemTable
from app.serving.model import to_arrays
from app.storage import artifacts, leases, training_runs, versions
from app.storage.engine import Store, connect_sqlite
from tests.processes import Foldin

Spectrum = Literal["trained", "iid"]
N_USERS = 2_000
RATINGS_PER_USER = 100


def invented_vectors(n: int, n_factors: int, spectrum: Spectrum, seed: int = 0) -> Floats:
    """Draw vectors whose columns decay and whose lengths differ as training makes them, or that are all alike.

    The decay is that of 64 factors fitted to MovieLens: the columns' root mean squares fall with the power −0.7.
    """
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((n, n_factors), dtype=np.float32)
    if spectrum == "trained":
        vectors *= np.arange(1, n_factors + 1, dtype=np.float32) ** np.float32(-0.7)
        vectors *= rng.lognormal(0, 0.7, n).astype(np.float32)[:, None]
    vectors *= np.float32(0.5 / np.sqrt(np.square(vectors[:10_000]).sum(axis=1).mean()))
    return vectors


def install(folder: Path, n_items: int, n_factors: int, spectrum: Spectrum, **settings: str) -> Foldin:
    """Set up a store with users who rated 100 items each, and a published model of the items."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "foldin.db"
    # the default deadline and a trainer that never starts; the rest as anybody would run it, compiled Python included
    given = {"FOLDIN_TRAIN_INTERVAL": "1e9", "PYTHONDONTWRITEBYTECODE": "", **settings}
    foldin = Foldin(f"sqlite:///{path}", folder, given)
    foldin.run("migrate")
    rng = np.random.default_rng(1)
    with closing(connect_sqlite(str(path))) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO items (item_key, item_id, title) VALUES (?, ?, ?)",
            ((index + 1, f"i{index:08}", f"Item number {index}") for index in range(n_items)),
        )
        connection.executemany(
            "INSERT INTO users (user_key, user_id) VALUES (?, ?)", ((key + 1, f"u{key}") for key in range(N_USERS))
        )
        for user in range(N_USERS):
            items = rng.choice(n_items, RATINGS_PER_USER, replace=False) + 1
            values = rng.integers(1, 11, RATINGS_PER_USER) / 2
            rows = zip([user + 1] * RATINGS_PER_USER, items.tolist(), values.tolist(), strict=True)
            connection.executemany(
                "INSERT INTO ratings (user_key, item_key, value, timestamp) VALUES (?, ?, ?, 0)", rows
            )
        connection.execute("COMMIT")
    publish(foldin, n_items, n_factors, spectrum)
    return foldin


def publish(foldin: Foldin, n_items: int, n_factors: int, spectrum: Spectrum, seed: int = 0) -> int:
    """Publish a model of the items and activate it."""
    hyperparameters = Hyperparameters(n_factors=n_factors)
    of_items = invented_vectors(n_items, n_factors, spectrum, seed)
    of_users = invented_vectors(N_USERS, n_factors, spectrum, seed + 1)
    nothing, ones = np.empty((0, n_factors), np.float32), np.ones(n_factors, np.float32)
    factors = Factors(
        user_factors=of_users,
        item_factors=of_items,
        mean_user=of_users.mean(axis=0),
        mean_item=np.zeros(n_factors, np.float32),
        user_is_free=ones,
        item_is_free=ones,
        item_gramian=np.square(of_items).sum(axis=0),
        item_weights=np.ones(n_items, np.float32),
        mean_discount=np.array(1, np.float32),
        item_selection=nothing,
        user_selection=nothing,
        hyperparameters=hyperparameters,
    )
    items = ItemTable.of(
        item_keys=np.arange(1, n_items + 1),
        item_ids=[f"i{index:08}" for index in range(n_items)],
        titles=[f"Item number {index}" for index in range(n_items)],
        categories=[[]] * n_items,
        hidden=[False] * n_items,
        popularity=np.random.default_rng(2).integers(1, 1000, n_items),
    )
    store, models = Store(foldin.database_url), foldin.data_dir / "models"
    n_ratings = N_USERS * RATINGS_PER_USER
    description: dict[str, Any] = {
        "hyperparameters": asdict(hyperparameters),
        "method": "weighted",
        "metrics": {},
        "calibration": None,
    }
    description |= {"n_ratings": n_ratings, "n_changes": 10**9, "n_users": N_USERS, "n_items": n_items}
    description |= {"catalogue_revision": 10**9, "created_at": now_microseconds()}
    written = artifacts.write_artifacts(models, to_arrays(factors, items, np.arange(1, N_USERS + 1)), description)
    with store.write() as connection:
        now = now_microseconds()
        lease = leases.take_lease(connection, "benchmark", now=now, seconds=60)
        assert lease, "nobody else trains here"
        run_id = training_runs.start_run(connection, now=now)
        version = versions.add_version(connection, lease, training_run_id=run_id, description=description, now=now)
        artifacts.place_artifacts(written, models, version)
        versions.activate_version(connection, version, now=now)
        leases.release_lease(connection, lease)
    store.close()
    return version
