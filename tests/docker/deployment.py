"""What the test does to a deployment: compose commands, sudden deaths, and questions through the proxy."""

import os
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.ports import free_port

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 120.0
IMAGE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["worker"]["image"]
REPLICAS = ("api-1", "api-2")


def docker(*arguments: str) -> str:
    """Run the engine's command, and give what it printed."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def images_to_pull() -> dict[str, str]:
    """Name the images that come from a registry, by the beginning of their names."""
    named = re.findall(r"^ARG PYTHON_IMAGE=(\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"].values()
    named += [service["image"] for service in services if service["image"] != IMAGE]
    return {name.partition(":")[0]: name for name in named}


@dataclass
class Deployment:
    """A compose file under a name, with secrets and a port of the test's own."""

    file: str = "docker-compose.yml"
    project: str = field(default_factory=lambda: f"foldin-test-{secrets.token_hex(3)}")
    port: int = field(default_factory=free_port)
    key: str = field(default_factory=lambda: secrets.token_hex(32))
    password: str = field(default_factory=lambda: secrets.token_hex(32))

    def compose(self, *arguments: str) -> str:
        command = ["docker", "compose"] if _has_plugin() else ["docker-compose"]
        own = {"FOLDIN_API_KEYS": self.key, "POSTGRES_PASSWORD": self.password, "FOLDIN_PORT": str(self.port)}
        command += ["--project-directory", ".", "--file", self.file, "--project-name", self.project, *arguments]
        done = subprocess.run(command, cwd=ROOT, env=os.environ | own, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    @contextmanager
    def up(self) -> Iterator[None]:
        """Bring everything up, and down at the end of the block; what it logged is shown if the block fails."""
        try:
            self.compose("up", "--detach", "--no-build")
            yield
        except BaseException:
            print(self.compose("logs", "--no-color", "--tail=40"))  # noqa: T201 - what a person needs now
            raise
        finally:
            self.compose("down", "--volumes", "--timeout=20")

    def client(self) -> httpx.Client:
        """A client of the proxy; each answer must come within ten seconds."""
        address = f"http://127.0.0.1:{self.port}"
        return httpx.Client(base_url=address, headers={"X-API-Key": self.key}, timeout=10.0)

    def container(self, service: str) -> str:
        return self.compose("ps", "--quiet", service)

    def state(self, service: str) -> dict[str, Any]:
        """What the engine says: when it started, how often again, whether it is healthy."""
        template = "{{.State.StartedAt}} {{.RestartCount}} {{.State.Health.Status}}"
        started_at, restarts, health = docker("inspect", "--format", template, self.container(service)).split()
        return {"started_at": started_at, "restarts": int(restarts), "health": health}

    def kill(self, service: str) -> float:
        """Kill every process of a service at once; give the seconds until the engine has started it again, healthy."""
        before, began = self.state(service), time.monotonic()
        # from inside, since whoever stops a container by the engine's command does not want it restarted
        subprocess.run(["docker", "exec", self.container(service), "sh", "-c", "kill -9 -1"], check=False)
        until(lambda: self.state(service)["restarts"] > before["restarts"], f"{service} is started again")
        self.until_healthy(service)
        return time.monotonic() - began

    def until_healthy(self, *services: str) -> None:
        for service in services:
            until(partial(self._is_healthy, service), f"{service} is healthy")

    def _is_healthy(self, service: str) -> bool:
        return bool(self.state(service)["health"] == "healthy")

    def n_answered(self, service: str) -> int:
        """How many recommendations a replica says that it gave."""
        command = ["docker", "logs", self.container(service)]
        logs = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True).stdout
        return logs.count('"route":"/users/{user_id}/recommendations","status":200')


def until(is_so: Callable[[], object], what: str) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            if is_so():
                return
        except (AssertionError, httpx.TransportError):
            pass
        assert time.monotonic() < deadline, f"waited {PATIENCE_SECONDS:g} s in vain until {what}"
        time.sleep(0.1)


def _has_plugin() -> bool:
    if not shutil.which("docker-compose"):
        return True
    return subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
