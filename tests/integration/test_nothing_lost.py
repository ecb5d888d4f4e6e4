"""What was acknowledged is there after kills, power cuts and disk faults; each check catches a store that forgets."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

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


def test_a_thousand_power_cuts_lose_nothing():
    found = run("power-cut", "--cycles", "1000")
    assert found["is_kept"], found
    assert found["cycles"] == 1_000


def test_synchronous_normal_is_caught():
    assert run("power-cut", "--cycles", "200", "--control")["lost"] > 0


@pytest.mark.skipif(shutil.which("strace") is None, reason="faults of the disk are injected by strace")
def test_a_full_or_failing_disk_loses_nothing_and_heals():
    found = run("disk")
    assert found["is_kept"], found
    for fault in found["faults"]:
        assert fault["refused"] > 0, fault
        assert fault["recovered"], fault
