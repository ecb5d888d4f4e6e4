"""What a service's processes need and how they start, swap a model, and see a rating."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil

from benchmarks.serving.installation import install, publish
from benchmarks.serving.load import closed_loop, open_loop
from benchmarks.serving.requests import PATH
from benchmarks.tables import IS_QUICK, measured

N_ITEMS = 20_000 if IS_QUICK else 1_000_000
N_FACTORS = 64
N_PROCESSES = 4
N_RATINGS = 200 if IS_QUICK else 10_000


def measure_processes(folder: Path) -> None:
    """Measure the time from start to ready, and the memory of four processes that have answered."""
    foldin = install(folder / "foldin", N_ITEMS, N_FACTORS, "trained")
    matrix = N_ITEMS * N_FACTORS * 4 / 1e6
    with measured("serving-processes", ("1 M × 64", "measured", "at least (aim)")) as row:
        with foldin.serve("--no-trainer"):
            pass  # compiles, where nothing has been compiled yet
        took = []
        for _ in range(3):
            started = time.perf_counter()
            with foldin.serve("--no-trainer"):
                took.append(time.perf_counter() - started)
        row("from start to ready, s", sorted(took)[1], "3 (1.5)")
        with foldin.serve("--no-trainer", "--workers", str(N_PROCESSES)) as server:
            closed_loop(server.url, PATH, n_clients=32, seconds=4)
            (forking,) = psutil.Process(server.process.pid).children()
            workers = forking.children()
            megabytes = sum(worker.memory_full_info().pss for worker in workers) / 1e6
        row("processes", len(workers), N_PROCESSES)
        row("proportional set size of all / float32 matrix", megabytes / matrix, "1.6")
        row("of which beside the vectors, MB a process", (megabytes - 0.75 * matrix) / N_PROCESSES, None)


def measure_swap(folder: Path) -> None:
    """Measure the longest any request takes while new versions are swapped in."""
    foldin = install(folder / "foldin", N_ITEMS, N_FACTORS, "trained")
    seconds = 4 if IS_QUICK else 15
    with (
        measured("serving-swap", ("1 M × 64, 50 requests/s", "longest, ms", "p99, ms")) as row,
        foldin.serve("--no-trainer") as server,
    ):
        closed_loop(server.url, PATH, n_clients=3, seconds=1)
        still = open_loop(server.url, PATH, per_second=50, seconds=seconds)
        row("one version", still.longest, still.p99)
        versions = [publish(foldin, N_ITEMS, N_FACTORS, "trained", seed) for seed in (1, 2)]
        with ThreadPoolExecutor(1) as pool:
            asking = pool.submit(open_loop, server.url, PATH, per_second=50, seconds=seconds)
            for version in versions * 2:
                time.sleep(seconds / 5)
                httpx.post(
                    f"{server.url}/models/{version}/activate", headers={"Content-Type": "application/json"}
                ).raise_for_status()
            swapped = asking.result()
        row("four swaps", swapped.longest, swapped.p99)


def measure_next_request(folder: Path) -> None:
    """Whether the request after a rating reflects it, whichever of two processes answers."""
    foldin = install(folder / "foldin", 1_000, 16, "trained")
    n_seen = 0
    with (
        measured(
            "serving-next-request", ("1,000 × 16, two processes", "ratings", "reflected by the next request")
        ) as row,
        foldin.serve("--no-trainer", "--workers", "2") as server,
    ):
        # a connection for each question, which the system gives to either process
        anew = httpx.Limits(max_keepalive_connections=0)
        with httpx.Client(base_url=server.url) as writer, httpx.Client(base_url=server.url, limits=anew) as asker:
            for number in range(N_RATINGS):
                user, item = f"u{number % 500}", f"i{number % 1000:08}"
                writer.post("/ratings", json={"user_id": user, "item_id": item, "value": 5}).raise_for_status()
                answer = asker.get(f"/users/{user}/recommendations", params={"n": 1000})
                shown = {entry["item_id"] for entry in answer.raise_for_status().json()["items"]}
                n_seen += item not in shown
        row("rated, then not recommended", N_RATINGS, n_seen)
