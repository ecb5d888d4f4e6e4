"""What was acknowledged is there after kills, power cuts and disk faults; each check catches a store that forgets."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.ledger import FAULTS

SEED = "7"
ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.chaos", *arguments, "--seed", SEED]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_forty_kills_lose_nothing(database_url):
    found = run("kill", "--cycles", "40", "--url", database_url)
    assert found["is_kept"], found
    assert found["acknowledged"] > 1_000


def test_a_writer_that_acknowledges_too_early_is_caught(database_url):
    assert run("kill", "--cycles", "10", "--control", "--url", database_url)["lost"] > 0


def test_forty_kills_of_the_service_and_of_imports_lose_nothing(database_url):
    found = run("service-kill", "--cycles", "40", "--url", database_url)
    assert not any(found[fault] for fault in FAULTS if fault in found and fault != "unready"), found  # that is a timing
    assert found["acknowledged"] > 1_000


def test_a_service_that_acknowledges_too_early_is_caught(database_url):
    assert run("service-kill", "--cycles", "4", "--control", "--url", database_url)["lost"] > 0


def test_eight_writers_are_never_locked_out(database_url):
    found = run("writers", "--seconds", "4", "--url", database_url)
    assert found["is_kept"], found


def test_transactions_that_begin_deferred_are_caught(sqlite_url):
    assert run("writers", "--seconds", "3", "--control", "--url", sqlite_url)["locked"] > 0


def test_what_is_backed_up_under_load_is_restored(database_url):
    found = run("restore", "--cycles", "3", "--url", database_url)
    assert found["is_kept"], found
    assert found["acknowledged"] > 1_000


def test_a_copy_of_the_database_file_is_caught(sqlite_url):
    found = run("restore", "--cycles", "3", "--control", "--url", sqlite_url)
    assert not found["is_kept"]


def test_a_thousand_power_cuts_lose_nothing():
    found = run("power-cut", "--cycles", "1000")
    assert found["is_kept"], found
    assert found["cycles"] == 1_000


def test_synchronous_normal_is_caught():
    assert run("power-cut", "--cycles", "200", "--control")["lost"] > 0


# nothing else makes one chosen system call of a real process fail
@pytest.mark.skipif(shutil.which("strace") is None, reason="faults of the disk are injected by strace")
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_a_full_or_failing_disk_loses_nothing_and_heals(store):
    found = run("disk", "--store", store)
    assert found["is_kept"], found
    for fault in found["faults"]:
        assert fault["refused"] > 0, fault
        assert fault["recovered"], fault


def test_a_writer_that_acknowledges_what_a_full_disk_refused_is_caught():
    assert run("disk", "--control")["lost"] > 0
