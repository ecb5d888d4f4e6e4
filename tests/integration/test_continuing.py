"""A training that goes on from the active version, and when it begins anew instead."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection

from app.config import Settings
from app.factorization.quantized import QuantizedVectors
from app.services.training import continuing
from app.services.training.running import train_once
from app.storage import kept_ratings, ratings, training_data
from app.storage.artifacts import read_artifacts
from app.storage.engine import Store
from app.storage.ratings import Rating
from app.storage.training_runs import TrainingRun
from app.storage.upserts import upsert_ratings
from tests.tastes import two_tastes

NOW = 2_000_000_000_000_000


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Six epochs: three after a trial, two in a continuation."""
    return Settings(database_url=database_url, data_dir=tmp_path, n_factors=4, n_epochs=6, n_threads=1)


@pytest.fixture
def first(store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> TrainingRun:
    """A first training, of a service that counts as a large one."""
    monkeypatch.setattr(continuing, "FEWEST_RATINGS", 1)
    rated = (Rating(str(r["user_id"]), str(r["item_id"]), float(str(r["value"])), 1) for r in two_tastes(40, 16))
    rate(store, *rated)
    return train(store, settings)


def rate(store: Store, *rated: Rating) -> None:
    with store.write() as connection:
        upsert_ratings(connection, rated, now=NOW)


def train(store: Store, settings: Settings) -> TrainingRun:
    run = train_once(store, settings)
    assert run is not None
    return run


def is_continued(run: TrainingRun) -> bool:
    assert run.status == "succeeded", run.reason
    is_judged_before = "judged by training run" in str(run.metrics["protocol"]["note"])
    assert is_judged_before == (len(run.epochs) == continuing.N_EPOCHS)
    return is_judged_before


def test_after_few_changes_a_training_goes_on_and_fits_as_well(
    store: Store, settings: Settings, first: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not is_continued(first)
    rate(store, Rating("new", "i0", 5.0, 2), Rating("u1", "new", 5.0, 2), Rating("u3", "i0", 1.0, 2))
    continued = train(store, settings)
    assert is_continued(continued)
    assert continued.metrics["ndcg@10"] == first.metrics["ndcg@10"]
    assert (continued.n_users, continued.n_items) == (41, 17)
    again = train(store, settings)  # still judged by the first
    assert again.metrics["protocol"]["note"] == continued.metrics["protocol"]["note"]
    monkeypatch.setattr(continuing, "FEWEST_RATINGS", 10**9)
    anew = train(store, settings)
    assert not is_continued(anew)
    assert continued.epochs[-1]["loss"] <= anew.epochs[-1]["loss"] * 1.01
    arrays = read_artifacts(settings.models_dir / str(continued.model_version)).arrays
    assert np.isfinite(QuantizedVectors.read(arrays, "user")).all()


def many_change(store: Store, settings: Settings) -> Settings:
    rate(store, *(Rating(f"u{user}", f"i{item}", 3.0, 2) for user in range(40) for item in (1, 2)))
    return settings


def a_user_is_erased(store: Store, settings: Settings) -> Settings:
    with store.write() as connection:
        ratings.erase_user(connection, "u1", now=NOW)
    return settings


def the_configuration_changes(store: Store, settings: Settings) -> Settings:
    return settings.model_copy(update={"regularization": 0.37})


def files_are_damaged(store: Store, settings: Settings) -> Settings:
    (settings.models_dir / "2" / "user_residuals.npy").write_bytes(b"")
    return settings


@pytest.mark.parametrize("change", [many_change, a_user_is_erased, the_configuration_changes, files_are_damaged])
def test_a_training_begins_anew(
    store: Store, settings: Settings, first: TrainingRun, change: Callable[[Store, Settings], Settings]
) -> None:
    assert is_continued(train(store, settings))
    assert not is_continued(train(store, change(store, settings)))


def reads_everything(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note whenever all ratings are read."""
    noted: list[str] = []

    def noticed(name: str) -> None:
        opened = getattr(training_data, name)

        def open_noted(connection: Connection) -> object:
            noted.append("all")
            return opened(connection)

        monkeypatch.setattr(training_data, name, open_noted)

    noticed("_sqlite")
    noticed("_postgresql")
    return noted


def test_a_training_loads_only_what_changed_since_the_last_one(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_ratings, "FEWEST_KEPT", 1)
    noted = reads_everything(monkeypatch)
    rated = [Rating(str(r["user_id"]), str(r["item_id"]), float(str(r["value"])), 1) for r in two_tastes(40, 16)]
    rate(store, *rated)
    assert train(store, settings).status == "succeeded"
    assert noted == ["all"]
    rate(store, Rating("u1", "i1", 2.0, 3), Rating("new", "i1", 2.0, 3))
    first, second = train(store, settings), train(store, settings)
    assert (first.n_ratings, second.n_ratings, second.status) == (len(rated) + 1, len(rated) + 1, "succeeded")
    assert noted == ["all"]
    a_user_is_erased(store, settings)
    assert train(store, settings).status == "succeeded"
    assert noted == ["all", "all"]


def test_a_training_whose_ratings_cannot_be_kept_succeeds(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_ratings, "FEWEST_KEPT", 1)
    settings.kept_ratings_dir.write_text("not a folder")
    noted = reads_everything(monkeypatch)
    rate(store, Rating("u1", "i1", 2.0, 3), Rating("u1", "i2", 2.0, 3))
    assert [train(store, settings).status for _ in range(2)] == ["succeeded", "succeeded"]
    assert noted == ["all", "all"]


def test_a_small_service_begins_anew(store: Store, settings: Settings, first: TrainingRun) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(continuing, "FEWEST_RATINGS", (first.n_ratings or 0) + 1)
        assert not is_continued(train(store, settings))


def test_a_continuation_whose_loss_is_out_of_line_is_refused(
    store: Store, settings: Settings, first: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(continuing, "MOST_CHANGED", 10.0)
    rng = np.random.default_rng(0)
    rate(store, *(Rating(f"u{u}", f"i{i}", float(rng.choice([1.0, 5.0])), 2) for u in range(40) for i in range(16)))
    run = train(store, settings)
    assert run.status == "refused"
    assert "out of line" in str(run.reason)
