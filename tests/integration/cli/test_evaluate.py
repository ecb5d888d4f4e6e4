"""``foldin evaluate`` on a real store and on files: what it prints, and that the numbers are those of the split."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from app.cli.application import app
from app.storage.catalogue import Item, upsert_items
from app.storage.engine import Store
from app.storage.ratings import Rating
from app.storage.upserts import upsert_ratings

Command = Callable[..., Result]


@pytest.fixture
def foldin(database_url: str, tmp_path: Path) -> Command:
    environment = {"FOLDIN_DATABASE_URL": database_url, "FOLDIN_DATA_DIR": str(tmp_path), "FOLDIN_N_FACTORS": "4"}
    return lambda *arguments: CliRunner().invoke(app, arguments, env=environment)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    opened = Store(database_url)
    yield opened
    opened.close()


def two_tastes(n_users: int = 80, n_items: int = 40) -> list[Rating]:
    rng = np.random.default_rng(0)
    pairs = [(u, i) for u in range(n_users) for i in range(n_items) if rng.random() < 0.4]
    rng.shuffle(pairs)
    return [Rating(f"u{u}", f"i{i}", 4.5 if u % 2 == i % 2 else 1.0, at) for at, (u, i) in enumerate(pairs)]


def report(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def test_all_methods_are_judged_on_the_stored_ratings(foldin: Command, store: Store) -> None:
    with store.write() as connection:
        upsert_ratings(connection, two_tastes(), now=10**15)
        upsert_items(connection, [Item(f"i{i}", None, [("even", "odd")[i % 2]]) for i in range(40)])
    found = report(foldin("evaluate", "--json", "--n", "5"))
    methods = {method["method"]: method for method in found["methods"]}
    assert list(methods) == ["popularity", "content", "svd", "observed", "gradient", "weighted"]
    for method in methods.values():
        for metric in method["metrics"].values():
            assert metric["low"] <= metric["mean"] <= metric["high"]
        assert method["seconds"] >= 0
        assert method["hyperparameters"]["n_factors"] >= 1
    ndcg = {name: method["metrics"]["ndcg@5"] for name, method in methods.items()}
    assert ndcg["weighted"]["mean"] > 1.3 * ndcg["popularity"]["mean"]
    assert ndcg["content"]["mean"] > 1.3 * ndcg["popularity"]["mean"]  # categories tell the tastes apart
    assert {name for name, method in methods.items() if "rmse" in method["metrics"]} >= {"observed", "gradient"}
    assert methods["observed"]["metrics"]["rmse"]["mean"] < 1.0
    protocol = found["protocol"]
    assert (protocol["split"], protocol["n"], protocol["n_users"], protocol["n_items"]) == ("time", 5, 80, 40)
    assert protocol["n_train"] + protocol["n_test"] == len(two_tastes())


def test_a_split_given_as_files_is_judged_and_not_stored(foldin: Command, store: Store, tmp_path: Path) -> None:
    ratings = two_tastes()
    train, test = ratings[::2], ratings[1::2]
    for name, part in (("train.csv", train), ("test.csv", [*test, train[0]])):
        with (tmp_path / name).open("w", newline="") as file:
            csv.writer(file).writerows([
                ("user_id", "item_id", "rating"),
                *((r.user_id, r.item_id, r.value) for r in part),
            ])
    arguments = ("--train", str(tmp_path / "train.csv"), "--test", str(tmp_path / "test.csv"), "--json")
    found = report(foldin("evaluate", "--methods", "weighted,popularity", *arguments))
    assert [method["method"] for method in found["methods"]] == ["weighted", "popularity"]
    assert found["protocol"]["split"] == "given"
    assert found["protocol"]["n_train"] == len(train)
    assert found["protocol"]["n_test"] == len(test)  # the pair in both files is not judged
    assert foldin("evaluate").exit_code == 1  # the store is still empty


def test_more_is_relevant_from_lower_ratings(foldin: Command, store: Store) -> None:
    with store.write() as connection:
        upsert_ratings(connection, two_tastes(), now=10**15)
    liked = report(foldin("evaluate", "--methods", "popularity", "--json"))["protocol"]
    rated = report(foldin("evaluate", "--methods", "popularity", "--relevant-from", "0", "--json"))["protocol"]
    assert liked["relevant_rating_from"] == 3.75
    assert liked["n_relevant"] < rated["n_relevant"] == rated["n_test"]


@pytest.mark.parametrize(
    "arguments",
    [("--methods", "best"), ("--split", "moon"), ("--relevant-from", "4"), ("--n", "0"), ("--train", __file__)],
)
def test_a_wrong_call_ends_with_2(foldin: Command, arguments: tuple[str, ...]) -> None:
    assert foldin("evaluate", *arguments).exit_code == 2


def test_the_table_names_methods_and_metrics(foldin: Command, store: Store) -> None:
    with store.write() as connection:
        upsert_ratings(connection, two_tastes(), now=10**15)
    shown = foldin("evaluate", "--methods", "popularity,weighted").stdout
    for word in ("popularity", "weighted", "ndcg@10", "hit_rate@10", "seconds", "±"):
        assert word in shown
