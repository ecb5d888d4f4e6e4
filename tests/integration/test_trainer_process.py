"""A training may die of anything: the worker records what of, and goes on."""

import itertools
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.config import Settings
from app.errors import StoreUnavailableError
from app.services.training.running import train_once
from app.services.training.sizing import MEBIBYTE, estimated_bytes, memory_limit
from app.services.training.training_lease import begin_run
from app.storage import leases, training_runs
from app.storage.bulk import BulkWriter
from app.storage.counting import count_rows
from app.storage.engine import Store
from app.storage.rating_table import RatingTable
from app.storage.ratings import Rating
from app.storage.upserts import upsert_ratings
from app.worker import trainer_process
from app.worker.heartbeat import Heartbeat
from app.worker.loop import Worker
from app.worker.trainer_process import TrainerProcess
from tests.tastes import two_tastes

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # where the children find `app` and `tests`


def small(database_url: str, data_dir: Path) -> Settings:
    return Settings(database_url=database_url, data_dir=data_dir, n_factors=4, n_epochs=2, n_threads=1)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return small(database_url, tmp_path)


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interpreter may take its time to end where others are at work."""
    monkeypatch.setattr(trainer_process, "_END_SECONDS", 120.0)


@contextmanager
def trainer(store: Store, settings: Settings, way: str | None = None) -> Iterator[TrainerProcess]:
    process = TrainerProcess(store, settings)
    if way:
        process.command = [sys.executable, "-m", "tests.chaos.bad_trainer", way]
    try:
        yield process
    finally:
        process.close()


def rate(store: Store) -> None:
    rows = [Rating(str(r["user_id"]), str(r["item_id"]), float(str(r["value"])), 1) for r in two_tastes(12, 8)]
    with store.write() as connection:
        upsert_ratings(connection, rows, now=1)


def is_training(store: Store) -> bool:
    with store.read() as connection:
        return bool(training_runs.list_runs(connection, limit=1, status="running"))


class WhenTraining(threading.Event):
    """Is set once a training is under way, however long its process takes to start."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store

    def is_set(self) -> bool:
        return is_training(self.store)


def holder(store: Store) -> str | None:
    with store.read() as connection:
        return leases.lease_holder(connection, now=0)


def test_a_training_publishes_from_its_own_process_which_lives_on(store: Store, settings: Settings) -> None:
    rate(store)
    with trainer(store, settings) as process:
        run = process.train(threading.Event())
        assert run is not None
        assert run.status == "succeeded", run.reason
        child = process._process
        again = process.train(threading.Event())
        assert again is not None
        assert again.status == "skipped"
        assert process._process is child
    assert child is not None
    assert child.returncode == 0


@pytest.mark.parametrize(
    ("way", "limits", "reason"),
    [
        ("hang", {"train_deadline": 6.0}, "took longer than 6 s"),  # which pass when it has begun
        ("eat", {"train_memory_mib": 600}, "MiB of memory, and 600 are allowed"),
        ("die", {}, "was killed"),
        ("crash", {}, "Segmentation fault"),
        ("leave", {}, "exit code 3"),
        ("fail", {}, "poison"),
        ("stillborn", {}, "exit code 4"),
    ],
)
def test_whatever_a_training_dies_of_is_recorded_and_the_next_one_succeeds(
    sqlite_url: str, tmp_path: Path, way: str, limits: dict[str, object], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, settings = Store(sqlite_url), small(sqlite_url, tmp_path)
    rate(store)
    if "train_deadline" in limits:
        monkeypatch.setattr(trainer_process, "monotonic", lambda: 10.0 * is_training(store))
    with trainer(store, settings.model_copy(update=limits), way) as process:
        run = process.train(threading.Event())
        assert run is not None
        assert run.status == "failed"
        assert reason in str(run.reason)
        assert run.finished_at is not None
        assert holder(store) is None
    then = train_once(store, settings)
    assert then is not None
    assert then.status == "succeeded", then.reason
    with store.read() as connection:
        assert training_runs.list_runs(connection, limit=1, status="running") == []
    store.close()


def test_the_heartbeat_goes_on_during_a_training(store: Store, settings: Settings, tmp_path: Path) -> None:
    rate(store)
    with trainer(store, settings.model_copy(update={"train_deadline": 1.0}), "hang") as process:
        process.heartbeat = Heartbeat(tmp_path / "heartbeat")
        process.train(threading.Event())
    assert (tmp_path / "heartbeat").exists()


def test_a_training_that_cannot_fit_is_refused_before_anything_is_loaded(store: Store, settings: Settings) -> None:
    rate(store)
    run = train_once(store, settings.model_copy(update={"train_memory_mib": 10}))
    assert run is not None
    assert run.status == "failed"
    assert "72 ratings of 8 items by 12 users with 4 factors take about" in str(run.reason)
    assert run.n_ratings is None


def test_the_limit_is_a_share_of_the_machine_or_what_the_settings_say(settings: Settings) -> None:
    assert 0 < memory_limit(settings) < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert memory_limit(settings.model_copy(update={"train_memory_mib": 100})) == 100 * MEBIBYTE


# the limit itself is set on every system; only measuring it here needs Linux
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="what a process takes is read from /proc")
def test_the_estimate_is_above_what_a_training_takes_and_not_far_above(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_users, n_items, n_factors = 20_000, 4_000, 64
    store = Store(sqlite_url)
    writer = BulkWriter()
    for first in range(0, n_users, 2_000):
        rows = [
            Rating(f"user-{user}", f"item-{user * 7 % 61 + 61 * k % n_items}", float(k % 6), 1)
            for user in range(first, first + 2_000)
            for k in range(25)
        ]
        with store.write() as connection:
            writer.write(connection, RatingTable.of(rows))
    seen: list[int] = []
    measure = trainer_process._taken_bytes

    def taken_bytes(process_id: int) -> int:
        seen.append(measure(process_id))
        return seen[-1]

    monkeypatch.setattr(trainer_process, "_taken_bytes", taken_bytes)
    monkeypatch.setattr(trainer_process, "_LOOK_SECONDS", 0.005)
    with trainer(
        store, Settings(database_url=sqlite_url, data_dir=tmp_path, n_factors=n_factors, n_epochs=2)
    ) as process:
        run = process.train(threading.Event())
    with store.read() as connection:
        estimate = estimated_bytes(count_rows(connection), n_factors)
    store.close()
    assert run is not None
    assert run.status in {"succeeded", "refused"}, run.reason
    assert max(seen) < estimate < 3 * max(seen), (max(seen) // MEBIBYTE, estimate // MEBIBYTE)


def test_a_stopped_worker_gives_the_training_up_at_once(store: Store, settings: Settings) -> None:
    rate(store)
    with trainer(store, settings, "hang") as process:
        started = time.monotonic()
        run = process.train(WhenTraining(store))
    assert run is not None
    assert (run.status, run.reason) == ("failed", "the worker was stopped")
    assert time.monotonic() - started < settings.train_deadline / 100


def test_a_death_while_another_trainer_is_at_work_takes_nothing_from_it(store: Store, settings: Settings) -> None:
    rate(store)
    begun = begin_run(store)
    assert begun is not None
    with trainer(store, settings, "stillborn") as process:
        assert process.train(threading.Event()) is None
    assert holder(store) == begun[0].holder


class Unlucky:
    """Stands in for a trainer: ends every training as it is told."""

    def __init__(self, store: Store, status: str) -> None:
        self.store, self.status, self.n_trained = store, status, 0

    def train(self, _stop: threading.Event) -> training_runs.TrainingRun | None:
        self.n_trained += 1
        with self.store.write() as connection:
            run_id = training_runs.start_run(connection, now=1)
            from app.storage.rating_changes import n_rating_changes

            n_changes = n_rating_changes(connection)
            training_runs.record_run(connection, run_id, status=self.status, n_changes=n_changes, reason="unlucky")
            return training_runs.find_run(connection, run_id)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr("app.worker.loop.monotonic", lambda: now[0])
    return now


def trained_at(worker: Worker, clock: list[float], seconds: int) -> list[int]:
    """At which whole seconds a worker that looks every second would have trained."""
    times = []
    for second in range(seconds):
        clock[0] = float(second)
        reason = worker._why_now()
        if reason is not None:
            worker._train(reason)
            times.append(second)
    return times


def test_failures_are_repeated_less_and_less_often(store: Store, settings: Settings, clock: list[float]) -> None:
    rate(store)
    worker = Worker(store, settings, threading.Event(), Unlucky(store, "failed"))  # type: ignore[arg-type]
    times = trained_at(worker, clock, 1900)
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert pauses[:10] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    assert set(pauses[10:]) <= {600}
    with store.write() as connection:
        training_runs.request_run(connection, now=1)
    assert worker._why_now() == "requested"  # whoever asks need not wait


def test_a_store_that_was_away_delays_no_training(store: Store, settings: Settings) -> None:
    rate(store)
    stop, n_looks, reasons = threading.Event(), itertools.count(), list[str]()

    class Away(Worker):
        def _why_now(self) -> str | None:
            if next(n_looks) < 6:
                raise StoreUnavailableError("gone")
            return super()._why_now()

        def _train(self, reason: str) -> None:
            reasons.append(reason)
            stop.set()

    worker = Away(store, settings, stop, TrainerProcess(store, settings, command=["false"]))
    working = threading.Thread(target=worker.run)
    working.start()
    working.join(300)
    stop.set()
    working.join()
    assert (reasons, worker._not_before) == (["first"], float("-inf"))  # a failed training would pause it


def test_what_was_refused_is_tried_again_with_other_ratings_only(
    store: Store, settings: Settings, clock: list[float]
) -> None:
    rate(store)
    few = settings.model_copy(update={"train_after_ratings": 2})
    worker = Worker(store, few, threading.Event(), Unlucky(store, "refused"))  # type: ignore[arg-type]
    assert trained_at(worker, clock, 2000) == [0]
    with store.write() as connection:
        upsert_ratings(connection, [Rating("u1", f"new {n}", 1.0, 2) for n in range(2)], now=2)
    assert worker._why_now() == "first"


def test_a_worker_with_nothing_to_do_deletes_kept_ratings_that_an_erasure_left(
    store: Store, settings: Settings
) -> None:
    stale = settings.kept_ratings_dir / "123"
    stale.mkdir(parents=True)
    stop = threading.Event()
    worker = Worker(store, settings, stop, TrainerProcess(store, settings, command=["false"]))
    working = threading.Thread(target=worker.run)
    working.start()
    try:
        deadline = time.monotonic() + 120
        while stale.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        stop.set()
        working.join()
    assert not stale.exists()
