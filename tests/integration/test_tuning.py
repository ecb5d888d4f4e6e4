"""Tuning on a real store: honest about what it looks at, remembered, and used by the next training."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from typer.testing import CliRunner

from app.cli.application import app
from app.config import Settings
from app.errors import InvalidInputError
from app.services.training.configuring import configuration_of
from app.services.training.evaluating import load_arranged, split_of
from app.services.training.running import train_once
from app.services.training.tuning import Tuner
from app.storage import tuning
from app.storage.engine import Store
from app.storage.ratings import Rating
from app.storage.training_runs import TrainingRun
from app.storage.upserts import upsert_ratings


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    opened = Store(database_url)
    yield opened
    opened.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, n_threads=1)


def rate(store: Store, values: dict[tuple[str, str], float] | None = None) -> None:
    rng = np.random.default_rng(0)
    pairs = [(u, i) for u in range(90) for i in range(40) if rng.random() < 0.4]
    rng.shuffle(pairs)
    rows = [Rating(f"u{u}", f"i{i}", 4.5 if u % 3 == i % 3 else 1.0, at) for at, (u, i) in enumerate(pairs)]
    changed = [row._replace(value=(values or {}).get((row.user_id, row.item_id), row.value)) for row in rows]
    with store.write() as connection:
        upsert_ratings(connection, changed, now=10**15)


def train(store: Store, settings: Settings) -> TrainingRun:
    run = train_once(store, settings)
    assert run is not None
    assert run.status == "succeeded", run.reason
    return run


def test_the_winner_is_no_worse_than_the_default_and_the_next_training_uses_it(
    store: Store, settings: Settings
) -> None:
    rate(store)
    report = Tuner(store, settings, seconds=4).run()
    assert report["score"] >= report["default_score"] > 0
    assert report["metric"] == "ndcg@10"
    assert report["n_trials"] >= 1
    weights = [point["unobserved_weight"] for point in report["curve"]]
    assert weights == sorted(weights)
    assert report["hyperparameters"]["unobserved_weight"] in weights
    run = train(store, settings)
    assert run.hyperparameters.items() >= report["hyperparameters"].items()


def test_what_the_environment_sets_counts_more_and_is_not_searched(store: Store, settings: Settings) -> None:
    rate(store)
    fixed = settings.model_copy(update={"n_factors": 5, "regularization": 0.7})
    report = Tuner(store, fixed, seconds=2).run()
    assert {"n_factors", "regularization"}.isdisjoint(report["hyperparameters"])
    tuned = {"n_factors": 9, "unobserved_weight": 0.25}
    configuration = configuration_of(fixed, tuned)
    assert configuration.hyperparameters.n_factors == 5
    assert configuration.hyperparameters.unobserved_weight == 0.25


def test_what_is_evaluated_on_is_never_looked_at(store: Store, settings: Settings) -> None:
    rate(store)
    arranged = load_arranged(store, settings)
    test = split_of(arranged, "time", settings.seed).test.tocoo()
    ids, keys = arranged.items.item_ids, arranged.user_keys
    with store.read() as connection:
        found = connection.exec_driver_sql("SELECT user_key, user_id FROM users").all()
        names = {int(key): str(name) for key, name in found}
    pairs = zip(*(part.tolist() for part in test.coords), strict=True)
    turned = {
        (names[int(keys[u])], ids[i]): 5.0 - value
        for (u, i), value in zip(pairs, (5 * test.data).tolist(), strict=True)
    }
    scores = [_search_score(store, settings)]
    rate(store, turned)  # the same ratings, but those of the test mean the opposite
    assert [*scores, _search_score(store, settings)] == scores * 2


def _search_score(store: Store, settings: Settings) -> float:
    tuner = Tuner(store, settings, seconds=0.01)  # the default alone
    return float(tuner.run()["default_score"])


def test_values_are_tuned_by_their_errors(store: Store, settings: Settings) -> None:
    rate(store)
    report = Tuner(store, settings.model_copy(update={"method": "observed"}), seconds=2).run()
    assert report["metric"] == "rmse"
    assert 0 < report["score"] <= report["default_score"]
    assert report["curve"] == []
    with store.read() as connection:
        assert tuning.find_tuned(connection, "observed") is not None
        assert tuning.find_tuned(connection, "weighted") is None


def test_what_was_tuned_can_be_forgotten(store: Store) -> None:
    with store.write() as connection:
        for at in (1, 2):
            tuning.store_tuned(connection, tuning.Tuned("weighted", at, {"n_factors": at}, {}))
        found = tuning.find_tuned(connection, "weighted")
        assert found is not None
        assert (found.tuned_at, found.hyperparameters) == (2, {"n_factors": 2})
        assert tuning.forget_tuned(connection, "weighted")
        assert tuning.find_tuned(connection, "weighted") is None


def test_nothing_to_tune_is_said(store: Store, settings: Settings) -> None:
    with pytest.raises(InvalidInputError, match="nothing to tune"):
        Tuner(store, settings.model_copy(update={"method": "popularity"}), seconds=1)
    with pytest.raises(InvalidInputError, match="no ratings yet"):
        Tuner(store, settings, seconds=1).run()


def test_the_command_saves_the_curve_as_picture_and_numbers(store: Store, database_url: str, tmp_path: Path) -> None:
    rate(store)
    environment = {"FOLDIN_DATABASE_URL": database_url, "FOLDIN_DATA_DIR": str(tmp_path), "FOLDIN_N_THREADS": "1"}
    result = CliRunner().invoke(app, ["tune", "--seconds", "2", "--json"], env=environment)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    picture = ET.parse(tmp_path / "tuning" / "w0-curve.svg").getroot()
    n_dots = len(picture.findall("{http://www.w3.org/2000/svg}circle"))
    with (tmp_path / "tuning" / "w0-curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(report["curve"]) == n_dots > 5
    assert float(rows[0]["mean"]) == report["curve"][0]["mean"]
