"""Processes that share a port: each is replaced when it dies, and none outlives the service."""

from contextlib import suppress
from pathlib import Path

import httpx
import psutil

from tests.e2e.client import wait_for
from tests.processes import Foldin, Server


def children(of: psutil.Process) -> set[int]:
    return {child.pid for child in of.children()}


def wait_until_ready(server: Server) -> None:
    """Ask until an answer comes; one that has just been killed may have taken the question with it."""

    def is_ready() -> bool | None:
        with suppress(httpx.TransportError), server.client() as client:
            return client.get("/health/ready").is_success or None
        return None

    wait_for(is_ready)


def test_a_killed_process_is_replaced_and_all_end_with_the_service(sqlite_url: str, tmp_path: Path):
    foldin = Foldin(sqlite_url, tmp_path)
    foldin.run("migrate")
    with foldin.serve("--no-trainer", "--workers", "2") as server:
        service = psutil.Process(server.process.pid)
        (forking,) = service.children()
        wait_for(lambda: len(children(forking)) == 2 or None)
        first = children(forking)
        for victim in first:
            psutil.Process(victim).kill()
        wait_for(lambda: len(children(forking) - first) == 2 or None)
        wait_until_ready(server)
        forking.kill()  # its processes die with it, and the service starts another
        wait_for(lambda: children(service) - {forking.pid} or None)
        wait_until_ready(server)
    # the end of the block holds that nothing is left behind
