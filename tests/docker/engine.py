"""A container engine for the test: the one that answers, or one that is started for it."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_START_SECONDS = 30
# Where the test may not set up a network of its own: published ports go through a process of the engine.
_OPTIONS = ("--bridge=none", "--iptables=false", "--ip6tables=false")


class NoEngineError(Exception):
    """There is no engine here, and none can be started; the message says why."""


@contextmanager
def running_engine(*, may_start: bool) -> Iterator[None]:
    """Find an engine, or start one.

    Parameters
    ----------
    may_start : bool
        Whether to start one where none answers; its images are lost at the end, and making them takes minutes.

    Yields
    ------
    None
        The ``docker`` command works.

    Raises
    ------
    NoEngineError
        If there is none.
    """
    if not shutil.which("docker"):
        raise NoEngineError("the command docker is not installed")
    if _answers():
        yield
    elif not may_start:
        raise NoEngineError("no container engine answers; `make test-docker` starts one where it can")
    elif os.geteuid() or not shutil.which("dockerd"):
        raise NoEngineError("no container engine answers, and only root can start dockerd, if it is installed")
    else:
        with tempfile.TemporaryDirectory(prefix="foldin-engine-", ignore_cleanup_errors=True) as place, _started(place):
            yield


def _answers() -> bool:
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


@contextmanager
def _started(place: str) -> Iterator[None]:
    socket = f"unix://{place}/docker.sock"
    roots = (f"--data-root={place}/data", f"--exec-root={place}/exec", f"--pidfile={place}/pid", f"--host={socket}")
    log = Path(place) / "log"
    with log.open("wb") as output:
        engine = subprocess.Popen(["dockerd", *_OPTIONS, *roots], stdout=output, stderr=output, start_new_session=True)
    before = os.environ.get("DOCKER_HOST")
    os.environ["DOCKER_HOST"] = socket
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _answers():
            if engine.poll() is not None or time.monotonic() > deadline:
                last = log.read_text(errors="replace").strip().splitlines()[-1:]
                raise NoEngineError(f"dockerd does not start: {' '.join(last)}")
            time.sleep(0.2)
        yield
    finally:
        engine.terminate()
        engine.wait()
        subprocess.run(["umount", f"{place}/exec/netns/default"], capture_output=True, check=False)  # which it leaves
        os.environ.pop("DOCKER_HOST")
        if before is not None:
            os.environ["DOCKER_HOST"] = before
