"""A training from the store's ratings to a published version."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.config import Settings
from app.services.refreshing import Refresher
from app.services.training.running import train_once
from app.serving.live import LiveModel
from app.storage import catalogue, ratings, training_runs, versions
from app.storage.artifacts import read_artifacts
from app.storage.catalogue import Item
from app.storage.engine import Store
from app.storage.ratings import Rating
from app.storage.training_runs import TrainingRun
from app.storage.upserts import upsert_ratings
from tests.tastes import two_tastes

NOW = 2_000_000_000_000_000


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(database_url=database_url, data_dir=tmp_path, n_factors=4, n_epochs=3, n_threads=1)


def rate(store: Store, *rated: Rating) -> None:
    with store.write() as connection:
        upsert_ratings(connection, rated, now=NOW)


def rate_two_tastes(store: Store) -> None:
    rate(store, *(Rating(str(r["user_id"]), str(r["item_id"]), float(str(r["value"])), 1) for r in two_tastes(12, 8)))


def train(store: Store, settings: Settings, *, skip_unchanged: bool = False) -> TrainingRun:
    run = train_once(store, settings, skip_unchanged=skip_unchanged)
    assert run is not None
    return run


def test_a_training_publishes_a_version_and_records_how_it_went(store: Store, settings: Settings) -> None:
    rate_two_tastes(store)
    run = train(store, settings)
    assert run.status == "succeeded", run.reason
    assert (run.n_users, run.n_items, run.n_ratings) == (12, 8, 72)
    assert [epoch["epoch"] for epoch in run.epochs] == [1, 2]  # of the fit on all ratings, from where the trial came to
    assert run.epochs[0]["loss"] > run.epochs[-1]["loss"] > 0
    with store.read() as connection:
        assert versions.active_version(connection) == run.model_version
    files = read_artifacts(settings.models_dir / str(run.model_version))
    assert files.arrays["item_residuals"].shape == (8, 4)
    live = LiveModel()
    assert Refresher(store, settings, live).refresh()
    assert live.current is not None
    assert live.current.model.version == run.model_version


def test_equal_ratings_and_settings_give_equal_bytes(store: Store, settings: Settings) -> None:
    rate_two_tastes(store)
    first, second = (train(store, settings).model_version for _ in range(2))
    one, other = (read_artifacts(settings.models_dir / str(version)).arrays for version in (first, second))
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_a_training_is_skipped_only_when_asked_and_nothing_changed(store: Store, settings: Settings) -> None:
    rate_two_tastes(store)
    assert train(store, settings, skip_unchanged=True).status == "succeeded"
    assert train(store, settings, skip_unchanged=True).status == "skipped"
    assert train(store, settings).status == "succeeded"
    assert train(store, settings.model_copy(update={"seed": 1}), skip_unchanged=True).status == "succeeded"
    rate(store, Rating("u1", "i1", 3.0, 2))
    assert train(store, settings, skip_unchanged=True).status == "succeeded"


def test_without_ratings_a_training_fails_with_what_to_do(store: Store, settings: Settings) -> None:
    run = train(store, settings)
    assert run.status == "failed"
    assert run.reason is not None
    assert "POST /ratings" in run.reason


@pytest.mark.parametrize(
    "rated",
    [
        [Rating("u", "i", 5.0, 1)],
        [Rating("u", "i", 0.0, 1)],
        [Rating("u", f"i{n}", 3.0, 1) for n in range(9)],
        [Rating(f"u{n}", "i", 3.0, 1) for n in range(9)],
    ],
    ids=["one rating", "the lowest rating alone", "one user, all equal", "one item, all equal"],
)
def test_hardly_any_ratings_give_a_finite_model(store: Store, settings: Settings, rated: list[Rating]) -> None:
    rate(store, *rated)
    run = train(store, settings.model_copy(update={"n_factors": 16}))
    assert run.status == "succeeded", run.reason
    arrays = read_artifacts(settings.models_dir / str(run.model_version)).arrays
    assert all(np.isfinite(array).all() for array in arrays.values())


def test_a_training_under_way_keeps_a_second_one_out(store: Store, settings: Settings) -> None:
    rate_two_tastes(store)
    seconds: list[TrainingRun | None] = []
    run = train_once(store, settings, on_progress=lambda _: seconds.append(train_once(store, settings)))
    assert run is not None
    assert run.status == "succeeded", run.reason
    assert set(seconds) == {None}


def test_only_the_last_versions_are_kept(store: Store, settings: Settings) -> None:
    rate_two_tastes(store)
    few = settings.model_copy(update={"keep_versions": 2, "cursor_seconds": 0.0})
    kept = [str(train(store, few).model_version) for _ in range(4)][-2:]
    assert sorted(folder.name for folder in settings.models_dir.iterdir()) == sorted(kept)


def test_an_erasure_names_the_first_version_without_the_user(store: Store, settings: Settings) -> None:
    rate_two_tastes(store)
    train(store, settings)
    with store.write() as connection:
        receipt = ratings.erase_user(connection, "u1", now=NOW)
    assert receipt is not None
    assert receipt.n_ratings == 6
    run = train(store, settings)
    with store.read() as connection:
        assert ratings.find_erasure(connection, receipt.id) == replace(receipt, without_version=run.model_version)
    assert run.n_users == 11


def test_a_changed_catalogue_is_swapped_in_without_a_training(store: Store, settings: Settings) -> None:
    rate_two_tastes(store)
    with store.write() as connection:
        catalogue.upsert_items(connection, [Item("i1", "One", ["odd"])])
    train(store, settings)
    live = LiveModel()
    refresher = Refresher(store, settings, live)
    assert refresher.refresh()
    assert not refresher.refresh()
    index = live.current.model.items.item_ids.find("i1") if live.current else None
    assert live.current is not None
    assert index is not None
    assert live.current.title(index) == "One"
    with store.write() as connection:
        catalogue.upsert_items(connection, [Item("i1", "First", ["odd"]), Item("unrated", "Cold", [])])
    assert refresher.refresh()
    assert live.current.title(index) == "First"


def test_a_run_is_recorded_as_failed_when_the_trainer_is_told_to_stop(store: Store, settings: Settings) -> None:
    from app.errors import TrainingFailedError

    def stop(_progress: object) -> None:
        raise TrainingFailedError("the worker was stopped")

    rate_two_tastes(store)
    run = train_once(store, settings, on_progress=stop)
    assert run is not None
    assert (run.status, run.reason) == ("failed", "the worker was stopped")
    with store.read() as connection:
        assert training_runs.list_runs(connection, limit=1, status="running") == []
    assert train(store, settings).status == "succeeded"
