"""Real Foldin processes for the end-to-end tests: started with the console script, awaited, stopped without a trace."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.cleanup import at_the_end
from tests.ports import free_port

# Patience, for a machine that is busy with other things: whatever is waited for usually comes at once.
START_SECONDS = 180
STOP_SECONDS = 120
CHILDREN_SECONDS = 60
ASK_SECONDS = 120
MARK = "FOLDIN_TEST_MARK"  # an environment variable by which a process's descendants are known


@dataclass(frozen=True)
class Server:
    """A Foldin server that answers requests."""

    url: str
    process: subprocess.Popen[bytes]

    def client(self, **options: Any) -> httpx.Client:
        """Make a client that asks it, and is patient; ``options`` are httpx's."""
        return httpx.Client(base_url=self.url, timeout=ASK_SECONDS, **options)


@dataclass(frozen=True)
class Foldin:
    """An installation of Foldin: a store, a data directory, and the settings its processes get."""

    database_url: str
    data_dir: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    wrapper: tuple[str, ...] = ()
    """What long-running commands are started by, such as a tracer with its options."""

    def run(
        self, *arguments: str, exit_code: int = 0, timeout_seconds: float = 600
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, such as ``run("train", "--json")``; any other exit code fails the test."""
        done = subprocess.run(
            _command(arguments),
            env=self._environment(),
            cwd=self.data_dir,
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            check=False,
        )
        assert done.returncode == exit_code, f"{done.args} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done

    @contextmanager
    def serve(self, *arguments: str, command: str = "serve") -> Iterator[Server]:
        """Run ``foldin serve`` (or ``demo``) on a free port, from when it is ready until the end of the block."""
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        with self.start(command, "--port", str(port), *arguments) as process:
            _wait_until_ready(process, url)
            yield Server(url, process)

    @contextmanager
    def start(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a command that goes on, such as ``start("worker")``, until the end of the block.

        What it printed is shown when the test fails. It must end cleanly when told to, or may have been killed by the
        test, and must leave no process behind in either case.
        """
        mark = secrets.token_hex(8)
        log = self.data_dir / f"{arguments[0]}-{mark}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*self.wrapper, *_command(arguments)],
                env=self._environment() | {MARK: mark},
                cwd=self.data_dir,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            with at_the_end('kill -KILL -- "-$1"', str(process.pid)):
                yield process
                _stop(process, mark)
        finally:
            for left in _marked(mark):
                with suppress(psutil.NoSuchProcess):  # it may end by itself meanwhile
                    left.kill()
            process.wait()
            sys.stdout.write(f"--- foldin {' '.join(arguments)}\n{log.read_text(errors='replace')}\n")

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FOLDIN_")}
        own = {
            "FOLDIN_DATABASE_URL": self.database_url,
            "FOLDIN_DATA_DIR": str(self.data_dir),
            "FOLDIN_DRAIN_DELAY": "0",
            # a busy machine must not turn an exact answer into a degraded one, or a slow write into a refused one
            "FOLDIN_READ_DEADLINE": "60",
            "FOLDIN_SILENCE_DEADLINE": "60",
        }
        return inherited | own | dict(self.settings)


def _command(arguments: tuple[str, ...]) -> list[str]:
    return [str(Path(sys.executable).with_name("foldin")), *arguments]


def _wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the server ended with {process.returncode} before it was ready"
        try:
            if httpx.get(f"{url}/health/ready").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"the server was not ready within {START_SECONDS} s")


def _stop(process: subprocess.Popen[bytes], mark: str) -> None:
    process.terminate()  # does nothing to a process that has already ended
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"the process did not stop within {STOP_SECONDS} s of SIGTERM") from None
    expected = (0, -signal.SIGTERM, -signal.SIGKILL)
    assert process.returncode in expected, f"the process ended with {process.returncode}"
    _, left = psutil.wait_procs(_marked(mark), timeout=CHILDREN_SECONDS)
    assert not left, f"the process left its children behind: {left}"


def _marked(mark: str) -> list[psutil.Process]:
    """Every process that was started with this mark in its environment."""
    marked = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == mark:
                marked.append(process)
    return marked
