"""Processes that share a port: each is replaced when it dies, and none outlives the service."""

import time
from pathlib import Path

import httpx
import psutil

from tests.processes import Foldin

PATIENCE_SECONDS = 30


def test_a_killed_process_is_replaced_and_all_end_with_the_service(sqlite_url: str, tmp_path: Path):
    foldin = Foldin(sqlite_url, tmp_path)
    foldin.run("migrate")
    with foldin.serve("--no-trainer", "--workers", "2") as server:
        (forking,) = psutil.Process(server.process.pid).children()
        first = {child.pid for child in forking.children()}
        assert len(first) == 2
        for victim in list(first):
            psutil.Process(victim).kill()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len({child.pid for child in forking.children()} - first) < 2:
            assert time.monotonic() < deadline, "the killed processes were not replaced"
            time.sleep(0.05)
        assert httpx.get(f"{server.url}/health/ready", timeout=PATIENCE_SECONDS).is_success
        forking.kill()  # its processes die with it, and the service starts another
        while {child.pid for child in psutil.Process(server.process.pid).children()} <= {forking.pid}:
            assert time.monotonic() < deadline + PATIENCE_SECONDS, "the forking process was not replaced"
            time.sleep(0.05)
        assert httpx.get(f"{server.url}/health/ready", timeout=PATIENCE_SECONDS).is_success
    # the end of the block holds that nothing is left behind
