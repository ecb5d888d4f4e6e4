"""Who may train and publish: one at a time, and never one that fell silent."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from app.errors import SupersededError
from app.storage import leases, training_runs, versions
from app.storage.engine import Store
from app.storage.leases import Lease

SECONDS = 30.0
NOW = 1_000_000_000


def take(store: Store, holder: str, now: int = NOW) -> Lease | None:
    with store.write() as connection:
        return leases.take_lease(connection, holder, now=now, seconds=SECONDS)


def publish(store: Store, lease: Lease) -> int:
    with store.write() as connection:
        version = versions.add_version(connection, lease, training_run_id=1, description={}, now=NOW)
        versions.activate_version(connection, version, now=NOW)
        return version


def active(store: Store) -> int | None:
    with store.read() as connection:
        return versions.active_version(connection)


def test_only_one_of_many_trainers_gets_the_lease(store: Store) -> None:
    with ThreadPoolExecutor(8) as threads:
        leases = list(threads.map(lambda number: take(store, f"trainer {number}"), range(8)))
    assert sum(lease is not None for lease in leases) == 1


def test_a_lease_that_was_let_go_or_ran_out_can_be_taken(store: Store) -> None:
    first = take(store, "first")
    assert first is not None
    assert take(store, "second") is None
    with store.write() as connection:
        leases.release_lease(connection, first)
    second = take(store, "second")
    assert second is not None
    assert take(store, "third", NOW + round(SECONDS * 1e6) + 1) is not None


def test_a_trainer_that_fell_silent_cannot_publish_over_its_successor(store: Store) -> None:
    sleeper = take(store, "sleeper")
    assert sleeper is not None
    later = NOW + round(SECONDS * 1e6) + 1
    successor = take(store, "successor", later)
    assert successor is not None
    published = publish(store, successor)
    with pytest.raises(SupersededError):
        publish(store, sleeper)
    with pytest.raises(SupersededError), store.write() as connection:
        leases.renew_lease(connection, sleeper, now=later, seconds=SECONDS)
    with store.write() as connection:
        leases.release_lease(connection, sleeper)
    assert active(store) == published
    assert take(store, "third", later) is None  # letting go of a lost lease takes nothing from who has it


def test_versions_are_numbered_upwards_and_the_active_one_is_never_forgotten(store: Store) -> None:
    lease = take(store, "trainer")
    assert lease is not None
    published = [publish(store, lease) for _ in range(5)]
    assert published == sorted(published)
    with store.write() as connection:
        versions.activate_version(connection, published[0], now=NOW)
        assert versions.forget_versions(connection, keep=2, retired_before=NOW) == []  # a cursor may still name them
        forgotten = versions.forget_versions(connection, keep=2, retired_before=NOW + 1)
    assert sorted(forgotten) == published[1:4]
    with store.read() as connection:
        assert [entry.version for entry in versions.list_versions(connection)] == [published[4], published[0]]


def test_what_a_dead_trainer_left_running_is_recorded_as_failed(store: Store) -> None:
    with store.write() as connection:
        dead = training_runs.start_run(connection, now=NOW)
    with store.write() as connection:
        requested = training_runs.request_run(connection, now=NOW + 1)
        assert training_runs.request_run(connection, now=NOW + 2) == requested
    with store.write() as connection:
        assert training_runs.start_run(connection, now=NOW + 3) == requested
    with store.read() as connection:
        run = training_runs.find_run(connection, dead)
    assert run is not None
    assert run.status == "failed"
    assert run.reason == "the trainer stopped before it finished"
