"""Slow and large clients beside an honest one: what they cost it, in answers, time and memory.

``python -m tests.chaos.starving --store sqlite --seconds 20`` prints one JSON object. Nobody else, then an equal burner
of processor time, then each kind of client, is beside an honest client that asks for recommendations in a closed loop.
Each is a process of its own, so that none waits for another in its own interpreter.
"""

import argparse
import contextlib
import json
import multiprocessing
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from tests.chaos.__main__ import _store as empty_store
from tests.processes import Foldin, Server

N_USERS, N_ITEMS = 200, 20_000
JSON = {"content-type": "application/json"}
SETTINGS = {
    "FOLDIN_N_FACTORS": "64",
    "FOLDIN_N_EPOCHS": "2",
    "FOLDIN_READ_DEADLINE": "0.25",  # the defaults, where other tests are patient
    "FOLDIN_SILENCE_DEADLINE": "0.5",
}
Attack = tuple[Callable[..., None], tuple[Any, ...]]  # what a process does with the server's address until it is ended
_processes = multiprocessing.get_context("spawn")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.starving", description=__doc__)
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--seconds", type=float, default=20, help="for each kind of client")
    parser.add_argument("--connections", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--url", help="of a migrated, empty store; by default one is made")
    arguments = parser.parse_args()
    attacks: dict[str, Attack | None] = {
        "alone": None,
        "processor_burner": (_burn, ()),
        "slow_connections": (_be_slow, (arguments.connections,)),
        "big_bodies": (_post, ("/ratings", _big_batch)),
        "refused_bodies": (_post, ("/ratings", _bomb)),
        "long_excludes": (_post, ("/recommendations", _long_excludes)),
    }
    with empty_store(arguments) as url, tempfile.TemporaryDirectory() as folder:
        foldin = Foldin(url, Path(folder), SETTINGS)
        (Path(folder) / "ratings.csv").write_text(_ratings(arguments.seed))
        foldin.run("import", "ratings.csv")
        foldin.run("train")
        with foldin.serve("--no-trainer") as server:
            _ask(server.url, time.monotonic() + 2)
            found = {name: _beside(server, attack, arguments.seconds) for name, attack in attacks.items()}
    json.dump({"store": arguments.store, "seed": arguments.seed, **found}, sys.stdout, indent=1)
    sys.stdout.write("\n")


def _beside(server: Server, attack: Attack | None, seconds: float) -> dict[str, float]:
    api = next(child for child in psutil.Process(server.process.pid).children() if "app.main" in child.cmdline())
    before, stolen = api.memory_info().rss, psutil.cpu_times().steal
    attacker = _processes.Process(target=attack[0], args=(server.url, *attack[1]), daemon=True) if attack else None
    if attacker:
        attacker.start()
        time.sleep(3)
    until = time.monotonic() + seconds
    watched: list[Any] = [[], []]
    watchers = [
        threading.Thread(target=lambda: watched.__setitem__(0, _watch_memory(api, until))),
        threading.Thread(target=lambda: watched.__setitem__(1, _probe(server.url, until))),
    ]
    for watcher in watchers:
        watcher.start()
    answers = _ask(server.url, until)
    for watcher in watchers:
        watcher.join()
    if attacker:
        attacker.kill()
        attacker.join()
    p50, p99 = np.percentile([seconds for _, seconds in answers], [50, 99]) * 1e3
    return {
        "n_answers": len(answers),
        "n_failed": sum(status >= 300 for status, _ in answers),
        "p50_ms": round(p50, 2),
        "p99_ms": round(p99, 2),
        "longest_stall_ms": round(max(watched[1]) * 1e3, 1),
        "memory_mib": round((max(watched[0]) - before) / 2**20, 1),
        "steal_seconds": round(psutil.cpu_times().steal - stolen, 2),
    }


def _ask(url: str, until: float) -> list[tuple[int, float]]:
    answers: list[tuple[int, float]] = []
    with httpx.Client(base_url=url, timeout=60) as client:
        while (asked_at := time.monotonic()) < until:
            status = client.get(f"/users/{len(answers) % N_USERS}/recommendations").status_code
            answers.append((status, time.monotonic() - asked_at))
    return answers


def _probe(url: str, until: float) -> list[float]:
    """Ask what touches nothing, over and over: what it takes is a stall of the event loop, or of this client."""
    taken = []
    with httpx.Client(base_url=url, timeout=60) as client:
        while (asked_at := time.monotonic()) < until:
            client.get("/health/live")
            taken.append(time.monotonic() - asked_at)
            time.sleep(0.005)
    return taken


def _watch_memory(api: psutil.Process, until: float) -> list[int]:
    seen = [api.memory_info().rss]
    while time.monotonic() < until:
        time.sleep(0.02)
        seen.append(api.memory_info().rss)
    return seen


def _burn(_url: str) -> None:
    """Take as much processor time as one busy client does, from outside the service."""
    while True:
        pass


def _be_slow(url: str, n_connections: int) -> None:
    """Hold connections open with requests that never come to their end, and open a new one for each that closes."""
    starts = [b"GET /", b"POST /ratings HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"]
    starts += [starts[1] + b"X: ", starts[1] + b"Content-Length: 8000000\r\n\r\n[" + b" " * 10_000]
    del starts[1]
    address = ("127.0.0.1", int(url.rpartition(":")[2]))
    open_connections: list[socket.socket] = []
    while True:
        while len(open_connections) < n_connections:
            open_connections.append(socket.create_connection(address))
            open_connections[-1].sendall(starts[len(open_connections) % 3])
        for connection in open_connections:
            with contextlib.suppress(OSError):
                connection.send(b"a")
        time.sleep(1)
        open_connections = [connection for connection in open_connections if _is_open(connection)]


def _is_open(connection: socket.socket) -> bool:
    try:
        if connection.recv(4096, socket.MSG_DONTWAIT) == b"":
            raise ConnectionResetError
    except BlockingIOError:
        return True
    except OSError:
        pass
    else:
        return True
    connection.close()
    return False


def _post(url: str, path: str, make_body: Callable[[], bytes]) -> None:
    body = make_body()
    with httpx.Client(base_url=url, timeout=60) as client:
        while True:
            with contextlib.suppress(httpx.TransportError):
                client.post(path, content=body, headers=JSON)


def _big_batch() -> bytes:
    rows = ({"user_id": f"b{row % 100:0250}", "item_id": f"{row % N_ITEMS:0250}", "value": 3} for row in range(10_000))
    return json.dumps(list(rows)).encode()


def _bomb() -> bytes:
    return b"[" + b"[]," * 2_600_000 + b"1]"


def _long_excludes() -> bytes:
    return json.dumps({"user_id": "1", "exclude": [str(item) for item in range(10_000)], "n": 100}).encode()


def _ratings(seed: int) -> str:
    rng = np.random.default_rng(seed)
    lines: Iterator[str] = (
        f"{user},{item},{rng.integers(1, 6)}\n"
        for user in range(N_USERS)
        for item in rng.choice(N_ITEMS, 200, replace=False).tolist()
    )
    return "user_id,item_id,rating\n" + "".join(lines)


if __name__ == "__main__":
    main()
