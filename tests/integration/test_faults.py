"""Models, trainings and deployments under faults, in short; each scenario catches what is made wrong on purpose."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SEED = "5"
ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.chaos", *arguments, "--seed", SEED]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_of_trainers_that_race_sleep_and_mistake_the_time_none_publishes_twice(database_url):
    found = run("races", "--cycles", "40", "--url", database_url)
    assert found["is_kept"], found
    assert min(found["published"], found["superseded"], found["kept_out"]) > 0, found


def test_a_store_without_a_fence_is_caught(database_url):
    assert run("races", "--cycles", "40", "--url", database_url, "--control")["doubled"] > 0


def test_two_hundred_odd_data_sets_publish_nothing_that_is_not_finite():
    found = run("data-sets", "--cycles", "200")
    assert found["is_kept"], found
    assert found["runs_succeeded"] > 0, found


def test_a_training_without_a_gate_is_caught():
    assert not run("data-sets", "--cycles", "60", "--control")["is_kept"]


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_eight_replicas_that_migrate_at_once_all_succeed(store: str):
    found = run("migrations", "--cycles", "2", "--store", store)
    assert found["is_kept"], found


def test_migrations_without_a_lock_are_caught():
    assert run("migrations", "--cycles", "3", "--store", "postgresql", "--control")["failed"] > 0


def test_twenty_swaps_under_load_mix_and_fail_nothing(database_url):
    found = run("swaps", "--cycles", "20", "--url", database_url)
    assert found["is_kept"], found
    assert found["versions_seen"] > 10, found


def test_a_swap_in_pieces_is_caught(sqlite_url):
    assert run("swaps", "--cycles", "10", "--url", sqlite_url, "--control")["mixed"] > 0


def test_two_outages_of_the_database_cost_no_read_and_lose_no_write():
    found = run("outages", "--cycles", "2")
    assert found["is_kept"], found
    assert min(found["degraded_reads"], found["refused_writes"], found["writes"]) > 0, found


def test_a_database_that_does_not_answer_costs_no_read_and_loses_no_write():
    found = run("stalls", "--cycles", "1")
    assert found["is_kept"], found
    assert min(found["degraded_reads"], found["refused_writes"], found["writes"]) > 0, found


def test_restarts_in_turn_behind_a_balancer_that_notices_late_fail_nothing(sqlite_url):
    found = run("rolling", "--cycles", "2", "--url", sqlite_url)
    assert found["is_kept"], found


def test_a_restart_that_leaves_no_time_to_notice_is_caught(sqlite_url):
    assert run("rolling", "--cycles", "1", "--url", sqlite_url, "--control")["failed"] > 0


def test_whatever_a_training_dies_of_the_api_beside_it_notices_nothing(sqlite_url):
    found = run("training-deaths", "--cycles", "1", "--url", sqlite_url)
    assert found["is_kept"], found
    assert found["answered"] > 0, found


def test_a_death_of_the_api_process_itself_is_caught(sqlite_url):
    assert run("training-deaths", "--cycles", "1", "--url", sqlite_url, "--control")["failed"] > 0


def test_an_outage_without_a_model_to_answer_from_is_caught():
    assert run("outages", "--cycles", "1", "--control")["failed"] > 0
