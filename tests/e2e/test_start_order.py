"""Nothing depends on what starts first."""

import time
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.ports import free_port
from tests.postgres import StoppableServer
from tests.processes import START_SECONDS, Foldin


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready").is_success
    except httpx.TransportError:
        return False


def test_a_service_waits_for_its_database_and_its_worker_shows_that_it_lives(
    own_postgresql_server: StoppableServer, tmp_path: Path
):
    server, heartbeat, port = own_postgresql_server, tmp_path / "heartbeat", free_port()
    foldin = Foldin(server.create_database(), tmp_path, {"FOLDIN_HEARTBEAT_FILE": str(heartbeat)})
    server.stop()
    with foldin.start("serve", "--port", str(port)):
        until(lambda: any("trying again" in log.read_text() for log in tmp_path.glob("serve-*.log")))
        assert not heartbeat.exists()
        server.start()
        until(lambda: is_ready(port) and heartbeat.exists())
