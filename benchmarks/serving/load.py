"""Load on a server: as fast as it answers (wrk), and at a fixed rate whatever it answers (ours)."""

import asyncio
import gc
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.serving.installation import N_USERS

_SCRIPT = """
local k = 0
request = function()
  k = k + 1
  return wrk.format("GET", string.format("%s", (k * 7919) %% {n_users}))
end
done = function(summary, latency)
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), summary.errors.status + summary.errors.connect
    + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What clients got: requests per second, latencies in milliseconds."""

    per_second: float
    p50: float
    p99: float
    longest: float = 0.0


def closed_loop(url: str, path: str, *, n_clients: int, seconds: float, core: int | None = None) -> Load:
    """Let clients ask, each at once after its answer; ``%d`` in the path becomes a user's number."""
    script = _SCRIPT.replace("{n_users}", str(N_USERS)).replace('"%s"', f'"{path}"').replace("%%", "%")
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        pin = [] if core is None else ["taskset", "-c", str(core)]
        command = [*pin, "wrk", "-t1", f"-c{n_clients}", f"-d{seconds:g}s", "-s", file.name, url]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)", done.stdout)
    assert found, done.stdout + done.stderr
    n, duration, p50, p99, n_errors = map(int, found.groups())
    assert n_errors == 0, f"{n_errors} of {n} requests failed:\n{done.stdout}"
    return Load(n / (duration / 1e6), p50 / 1e3, p99 / 1e3)


def open_loop(url: str, path: str, *, per_second: float, seconds: float, n_connections: int = 32) -> Load:
    """Ask at a fixed rate; latencies count from when a request was due, so that no stall hides the ones behind it."""
    gc.disable()  # it would look through the ten thousand questions, and call that the service's latency
    try:
        return asyncio.run(_open_loop(url, path, per_second, seconds, n_connections))
    finally:
        gc.enable()


async def _open_loop(url: str, path: str, per_second: float, seconds: float, n_connections: int) -> Load:
    address, latencies = urlsplit(url), []
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(n_connections):
        free.put_nowait(await asyncio.open_connection(address.hostname, address.port))

    async def ask(number: int, due: float) -> None:
        reader, writer = await free.get()
        target = path % (number * 7919 % N_USERS) if "%d" in path else path
        writer.write(f"GET {target} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        assert length, head
        await reader.readexactly(int(length[1]))
        latencies.append(time.perf_counter() - due)
        free.put_nowait((reader, writer))

    started, tasks = time.perf_counter(), []
    for number in range(int(per_second * seconds)):
        due = started + number / per_second
        if due > time.perf_counter():
            await asyncio.sleep(due - time.perf_counter())
        tasks.append(asyncio.create_task(ask(number, due)))
    await asyncio.gather(*tasks)
    took = time.perf_counter() - started
    while not free.empty():
        free.get_nowait()[1].close()
    latencies.sort()
    count = len(latencies)
    return Load(count / took, latencies[count // 2] * 1e3, latencies[int(count * 0.99)] * 1e3, latencies[-1] * 1e3)


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Start processes that keep to one processor."""
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, everywhere)


@contextmanager
def bare_endpoint(body: bytes, folder: Path) -> Iterator[str]:
    """Serve the same bytes from memory with FastAPI, on one core: what an answer's own cost is compared with."""
    from benchmarks.serving import bare
    from tests.ports import free_port

    (folder / "body.json").write_bytes(body)
    port = free_port()
    command = [os.sys.executable, "-m", bare.__name__, str(port), str(folder / "body.json")]  # type: ignore[attr-defined]
    process = subprocess.Popen(command)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                asyncio.run(_connect(port))
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


async def _connect(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
