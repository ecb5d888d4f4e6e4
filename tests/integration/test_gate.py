"""Trainings on a real store: evaluated before they publish, refitted on everything, refused when clearly worse."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.config import Settings
from app.factorization.fit import fit
from app.factorization.objective import Factors
from app.services.training import configuring
from app.services.training.configuring import refit_epochs
from app.services.training.running import train_once
from app.storage import versions
from app.storage.engine import Store
from app.storage.ratings import Rating
from app.storage.training_runs import TrainingRun
from app.storage.upserts import upsert_ratings


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    opened = Store(sqlite_url)
    yield opened
    opened.close()


def rate(store: Store, *, n_users: int = 120, n_items: int = 40, seed: int = 0) -> None:
    """Two tastes, of which a third is rated; every rating at a time of its own."""
    rng = np.random.default_rng(seed)
    pairs = [(u, i) for u in range(n_users) for i in range(n_items) if rng.random() < 0.35]
    rng.shuffle(pairs)
    rows = [
        Rating(
            f"u{u}",
            f"i{i}",
            float(np.clip(np.round((4.5 if u % 2 == i % 2 else 1.5) + rng.normal(0, 0.5), 1), 0, 5)),
            at,
        )
        for at, (u, i) in enumerate(pairs)
    ]
    with store.write() as connection:
        upsert_ratings(connection, rows, now=10**15)


def train(store: Store, data_dir: Path, *, skip_unchanged: bool = False, **settings: object) -> TrainingRun:
    values: dict[str, object] = {"n_factors": 4, "n_threads": 1, "data_dir": data_dir} | settings
    run = train_once(store, Settings.model_validate(values), skip_unchanged=skip_unchanged)
    assert run is not None
    json.dumps(run.metrics, allow_nan=False)
    return run


def active_version(store: Store) -> int | None:
    with store.read() as connection:
        return versions.active_version(connection)


def active_description(store: Store) -> dict[str, Any]:
    with store.read() as connection:
        version = versions.find_version(connection, active_version(store) or 0)
    assert version is not None
    return version.description


def test_a_version_carries_what_the_held_out_ratings_said(store, tmp_path):
    rate(store)
    run = train(store, tmp_path)
    assert run.status == "succeeded"
    ndcg = run.metrics["ndcg@10"]
    assert ndcg["low"] <= ndcg["mean"] <= ndcg["high"]
    compared = run.metrics["compared_with"]
    assert compared["baseline"] == "popularity"
    assert compared["advantage"]["low"] > 0
    description = active_description(store)
    assert description["metrics"] == run.metrics
    line = description["calibration"]
    assert line["slope"] > 0
    assert 2.5 < line["mean"] < 3.5
    assert set(line) == {"slope", "intercept", "deviation", "user_slope", "mean"}
    assert 0 < line["deviation"] < 1.7  # of likes and dislikes 3 apart


def test_the_published_fit_is_of_all_ratings_and_its_epochs_are_recorded(store, tmp_path):
    rate(store)
    run = train(store, tmp_path, n_epochs=5)
    assert [epoch["epoch"] for epoch in run.epochs] == [1, 2, 3]
    assert refit_epochs(5) == 3
    folder = tmp_path / "models" / str(run.model_version)
    n_users = len(np.load(next(folder.glob("user_residuals*.npy"))))
    assert n_users == run.n_users
    assert active_description(store)["n_ratings"] == run.n_ratings
    assert run.hyperparameters["n_epochs"] == active_description(store)["hyperparameters"]["n_epochs"] == 5


def test_clearly_worse_hyperparameters_are_refused_and_the_old_version_stays(store, tmp_path):
    rate(store)
    first = train(store, tmp_path)
    worse = train(store, tmp_path, regularization=1e5)
    assert worse.status == "refused"
    assert worse.model_version is None
    assert str(worse.reason).startswith("clearly worse than the active version's hyper-parameters")
    assert worse.metrics["compared_with"]["is_clearly_worse"] is True
    assert worse.epochs == []
    assert active_version(store) == first.model_version


def test_hyperparameters_that_are_no_worse_may_come(store, tmp_path):
    rate(store)
    train(store, tmp_path)
    other = train(store, tmp_path, n_factors=5)
    assert other.status == "succeeded"
    assert other.metrics["compared_with"]["baseline"] == "the active version's hyper-parameters"


def test_what_is_clearly_worse_than_popularity_is_refused_even_as_the_first(store, tmp_path):
    popular_items(store)
    run = train(store, tmp_path, n_factors=32, unobserved_weight=1e-6, regularization=1e-3)
    assert run.status == "refused"
    assert "clearly worse than popularity" in str(run.reason)
    assert active_version(store) is None


def popular_items(store: Store) -> None:
    """Some items are rated far more often than others; how well they are liked is chance."""
    rng = np.random.default_rng(1)
    chance = np.linspace(0.9, 0.02, 60)
    pairs = [(u, i) for u in range(150) for i in range(60) if rng.random() < chance[i]]
    rows = [Rating(f"u{u}", f"i{i}", float(rng.integers(1, 6)), int(rng.integers(10**6))) for u, i in pairs]
    with store.write() as connection:
        upsert_ratings(connection, rows, now=10**15)


def test_a_young_service_gets_its_first_model_and_is_told_that_nothing_was_compared(store, tmp_path):
    rate(store, n_users=12, n_items=8)
    run = train(store, tmp_path, regularization=1e5)
    assert run.status == "succeeded"
    assert run.metrics["compared_with"] is None
    assert "nothing was compared" in run.metrics["protocol"]["note"]
    assert active_description(store)["calibration"] is None


def test_a_single_rating_is_enough_for_a_model(store, tmp_path):
    with store.write() as connection:
        upsert_ratings(connection, [Rating("u", "i", 4.0, 1)], now=2)
    run = train(store, tmp_path)
    assert run.status == "succeeded"
    assert "no user has two ratings" in run.metrics["protocol"]["note"]


@pytest.mark.parametrize("method", ["popularity", "svd", "observed", "gradient", "weighted"])
def test_every_method_may_be_chosen(store, tmp_path, method):
    rate(store)
    train(store, tmp_path)
    run = train(store, tmp_path, method=method, n_factors=6)
    assert run.status == "succeeded", run.reason
    assert active_description(store)["method"] == method


def broken_fit(spoil: dict[int, float]):
    """Fits as ever, but the n-th is spoiled: its vectors are multiplied."""
    n_fits = 0

    def fitted(*arguments, **options) -> Factors:
        nonlocal n_fits
        n_fits += 1
        times = spoil.get(n_fits)
        on_epoch = options["on_epoch"]
        if times is not None and on_epoch:
            options["on_epoch"] = lambda epoch: on_epoch(replace(epoch, loss=epoch.loss * times))
        factors = fit(*arguments, **options)
        if times is not None:
            factors.item_factors[:] *= np.float32(times)
        return factors

    return fitted


def test_a_trial_that_is_not_finite_is_refused(store, tmp_path, monkeypatch):
    rate(store)
    first = train(store, tmp_path)
    monkeypatch.setattr(configuring, "fit", broken_fit({1: float("nan")}))
    run = train(store, tmp_path)
    assert (run.status, run.reason) == ("refused", "the factors are not finite")
    assert active_version(store) == first.model_version


def test_a_refit_that_is_not_finite_is_refused(store, tmp_path, monkeypatch):
    rate(store)
    monkeypatch.setattr(configuring, "fit", broken_fit({3: float("nan")}))  # trial, popularity, refit
    run = train(store, tmp_path)
    assert (run.status, run.reason) == ("refused", "the factors are not finite")
    assert active_version(store) is None


def test_a_refit_whose_loss_is_out_of_line_is_refused(store, tmp_path, monkeypatch):
    rate(store)
    monkeypatch.setattr(configuring, "fit", broken_fit({3: 2.0}))
    run = train(store, tmp_path)
    assert run.status == "refused"
    assert "out of line" in str(run.reason)
    assert active_version(store) is None


def test_an_unchanged_store_is_skipped_only_when_asked(store, tmp_path):
    rate(store)
    runs = [train(store, tmp_path, skip_unchanged=True, n_factors=n_factors) for n_factors in (4, 4, 5)]
    assert [run.status for run in runs] == ["succeeded", "skipped", "succeeded"]
    assert train(store, tmp_path, n_factors=5).status == "succeeded"


def test_predictions_without_any_error_are_compared_too(store: Store, tmp_path: Path) -> None:
    rows = [Rating(f"u{user}", f"i{item}", 0.0, item) for user in range(40) for item in range(10)]
    with store.write() as connection:
        upsert_ratings(connection, rows, now=10**15)
    run = train(store, tmp_path, method="observed")
    assert run.status != "failed", run.reason
    assert run.metrics["compared_with"]["baseline_value"]["mean"] == 0.0
