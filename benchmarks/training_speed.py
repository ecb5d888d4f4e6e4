"""How fast training is: beside its peers, against the memory's own speed, as ratings and threads grow.

    FOLDIN_BENCH_PEERS=.peers/bin/python python -m benchmarks.training_speed        # BENCH=quick for a short form
    python -m benchmarks.training_speed --only epochs-64 threads        # some of the tables; all others stay
    FOLDIN_BENCH_DATA=... adds the time to 99 % of the final NDCG@20 on gowalla

Machines are shared: peers are timed by turns with Foldin, and the medians of several turns are compared.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from app.factorization.fit import fit
from app.factorization.hyperparameters import Hyperparameters
from app.factorization.objective import Epoch, loss
from benchmarks.invented_ratings import invented_ratings
from benchmarks.tables import IS_QUICK, measured

PEERS_PYTHON = os.environ.get("FOLDIN_BENCH_PEERS", "")
DATA = os.environ.get("FOLDIN_BENCH_DATA", "")
N_TURNS = 1 if IS_QUICK else 5
N_TURNS_OF_ALL = 3  # so often all peers have theirs; the first always
SIZE = (14_000, 6_000, 1_000_000) if IS_QUICK else (138_000, 20_000, 10_000_000)
PEERS = ("implicit", "irspack", "cmfrec")
N_PEER_EPOCHS = 2
LOSS = Hyperparameters(unobserved_weight=0.1, regularization=0.1, n_epochs=5)


def epoch_seconds(matrix: csr_array, hyper: Hyperparameters, n_threads: int = 2) -> list[float]:
    """Fit, and list the seconds of each epoch; the last one's users are solved exactly."""
    seconds: list[float] = []

    def note(epoch: Epoch) -> None:
        seconds.append(epoch.seconds)

    fit(matrix, hyper, n_threads=n_threads, on_epoch=note)
    return seconds


def peer_seconds(matrix: csr_array, name: str, n_factors: int, n_epochs: int, factors_to: str = "") -> float | None:
    """Fit a peer in its own environment; None when it is not there."""
    if not PEERS_PYTHON:
        return None
    script = Path(__file__).with_name("peers.py")
    arguments = [name, str(n_factors), str(n_epochs), "2", factors_to]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    command = [PEERS_PYTHON, str(script), saved(matrix), *arguments]
    answer = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    report = answer.stdout[answer.stdout.rindex('{"name"') :]  # behind a progress bar's remains
    seconds: float | None = json.loads(report)["seconds"]
    return seconds


_SAVED: dict[int, str] = {}


def saved(matrix: csr_array) -> str:
    """Write a matrix once, for other processes."""
    if id(matrix) not in _SAVED:
        path = Path(tempfile.mkdtemp()) / "ratings.npz"
        np.savez(path, indices=matrix.indices, indptr=matrix.indptr, shape=matrix.shape)
        _SAVED[id(matrix)] = str(path)
    return _SAVED[id(matrix)]


def beside_peers(n_factors: int) -> None:
    """Compare the seconds per epoch, both half-epochs, on two threads."""
    header = (
        "factors",
        "Foldin",
        "its last, exact",
        *PEERS,
        "implicit / Foldin",
        "fastest / Foldin",
        "GB/s",
        "Foldin / floor",
    )
    with measured("training-epochs", header) as row:
        matrix, hyper = invented_ratings(*SIZE), replace(LOSS, n_factors=n_factors)
        epoch_seconds(matrix, replace(hyper, n_epochs=1))  # compiles
        ours, last, theirs = [], [], {name: list[float]() for name in PEERS}
        for turn in range(N_TURNS):
            seconds = epoch_seconds(matrix, hyper)
            ours.append(statistics.median(seconds[:-1]))
            last.append(seconds[-1])
            for name in PEERS[: 1 if turn >= N_TURNS_OF_ALL else None]:
                if taken := peer_seconds(matrix, name, n_factors, N_PEER_EPOCHS):
                    theirs[name].append(taken / N_PEER_EPOCHS)
        mine = statistics.median(ours)
        others = [statistics.median(times) if times else None for times in theirs.values()]
        floor = 2 * matrix.nnz * n_factors * 4 / memory_bandwidth()
        ratio, fastest = others[0] and others[0] / mine, min((time for time in others if time), default=None)
        row(
            n_factors,
            mine,
            statistics.median(last),
            *others,
            ratio,
            fastest and fastest / mine,
            memory_bandwidth() / 1e9,
            mine / floor,
        )


def beyond_exact(n_factors: int) -> None:
    """Compare the loss after five epochs of a few steps per row with that of exact solves."""
    with measured("training-loss", ("factors", "loss beyond exact solves, relatively")) as row:
        matrix, hyper = invented_ratings(*SIZE), replace(LOSS, n_factors=n_factors)
        row(n_factors, loss_excess(matrix, hyper))


def loss_excess(matrix: csr_array, hyper: Hyperparameters) -> float:
    """How much higher the loss is after five epochs of a few steps per row than of exact solves, relatively."""
    few, exact = (loss(matrix, fit(matrix, replace(hyper, n_steps=n), n_threads=2)) for n in (hyper.n_steps, 0))
    return few / exact - 1


@cache
def memory_bandwidth() -> float:
    """Measure the bytes per second that two threads can read."""
    array = np.ones(50_000_000, np.float32)

    def read(part: NDArray[np.float32]) -> float:
        return float(part.max())

    best = 0.0
    with ThreadPoolExecutor(2) as pool:
        for _ in range(10):
            began = time.perf_counter()
            list(pool.map(read, np.array_split(array, 2)))
            best = max(best, array.nbytes / (time.perf_counter() - began))
    return best


def as_ratings_grow() -> None:
    """Time an epoch at growing numbers of ratings and users, at 64 factors."""
    epoch_seconds(invented_ratings(50, 40, 500), LOSS)  # compiles
    with measured("training-growth", ("ratings", "seconds per epoch", "per million")) as row:
        for millions in (1, 3) if IS_QUICK else (1, 3, 10, 30):
            matrix = invented_ratings(13_800 * millions, 20_000, millions * 1_000_000)
            seconds = statistics.median(epoch_seconds(matrix, LOSS)[:-1])
            row(int(matrix.nnz), seconds, 1e6 * seconds / matrix.nnz)


def as_threads_grow() -> None:
    """Time an epoch on one and two threads, by turns."""
    with measured("training-threads", ("factors", "seconds per epoch, one thread", "two threads", "ratio")) as row:
        epoch_seconds(invented_ratings(50, 40, 500), LOSS)  # compiles
        matrix = invented_ratings(*SIZE)
        times: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(N_TURNS):
            for n_threads, seconds in times.items():
                seconds.append(statistics.median(epoch_seconds(matrix, LOSS, n_threads)[:-1]))
        one, two = statistics.median(times[1]), statistics.median(times[2])
        row(LOSS.n_factors, one, two, one / two)


def peak_memory() -> None:
    """Measure how far the peak lies above ratings (from both sides) and factors, in a process of its own."""
    with measured("training-memory", ("factors", "ratings and factors, MB", "peak, MB", "beyond")) as row:
        command = [sys.executable, "-m", "benchmarks.training_speed", "memory", saved(invented_ratings(*SIZE))]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
        needed, peak = json.loads(answer.stdout)
        row(128, needed, peak, peak / needed - 1)


def report_memory(file: str) -> None:
    """Fit, and print the megabytes of ratings and factors, and the peak while fitting."""
    tiny = invented_ratings(50, 40, 500)
    fit(tiny, replace(LOSS, n_factors=128, n_epochs=1), n_threads=2, on_epoch=lambda _: None)
    with np.load(file) as stored:
        data = np.ones(len(stored["indices"]), np.float32)
        matrix = csr_array((data, stored["indices"], stored["indptr"]), shape=stored["shape"])
    own = matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    factors = fit(matrix, replace(LOSS, n_factors=128, n_epochs=2), n_threads=2, on_epoch=lambda _: None)
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
    needed = 2 * own + factors.user_factors.nbytes + factors.item_factors.nbytes
    print(json.dumps((needed / 1e6, (peak - before + own) / 1e6)))


def first_compile() -> None:
    """Time the first and second process' first fit, each in five new places for machine code."""
    header = ("process", "seconds of its first fit, median", "least", "most")
    with measured("training-compile", header) as row:
        seconds: dict[str, list[float]] = {"first": [], "second": []}
        for _ in range(5):
            with tempfile.TemporaryDirectory() as directory:
                environment = os.environ | {"NUMBA_CACHE_DIR": directory}
                for those in seconds.values():
                    command = [sys.executable, "-m", "benchmarks.training_speed", "compile"]
                    answer = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
                    those.append(float(answer.stdout))
        for which, those in seconds.items():
            row(which, float(np.median(those)), min(those), max(those))


def report_compile() -> None:
    """Print the seconds of a first, tiny fit."""
    tiny = invented_ratings(50, 40, 500)
    began = time.perf_counter()
    fit(tiny, replace(LOSS, n_factors=8, n_epochs=1), on_epoch=lambda _: None)
    print(time.perf_counter() - began)


def to_final_quality() -> None:
    """Time how long it takes to come within 1 % of the final NDCG@20 on gowalla, at 256 factors."""
    with measured("training-gowalla", ("library", "seconds to 99 % of its final NDCG@20", "final NDCG@20")) as row:
        epoch_seconds(invented_ratings(50, 40, 500), LOSS)  # compiles
        train, test = gowalla()
        hyper = Hyperparameters(n_factors=256, unobserved_weight=0.03, regularization=0.05, n_steps=3)
        ours, theirs = [], []
        for n_epochs in (1, 2, 3, 4, 5, 6, 8):
            began = time.perf_counter()
            factors = fit(train, replace(hyper, n_epochs=n_epochs), n_threads=2)
            ours.append((time.perf_counter() - began, ndcg(factors.user_factors, factors.item_factors, train, test)))
            with tempfile.TemporaryDirectory() as directory:
                file = f"{directory}/factors.npz"
                if seconds := peer_seconds(train, "implicit", 256, 2 * n_epochs, file):
                    with np.load(file) as found:
                        theirs.append((seconds, ndcg(found["user_factors"], found["item_factors"], train, test)))
        row("Foldin", *_first_within_a_percent(ours))
        if theirs:
            row("implicit", *_first_within_a_percent(theirs))


def _first_within_a_percent(fits: list[tuple[float, float]]) -> tuple[float, float]:
    final = fits[-1][1]
    return min(seconds for seconds, reached in fits if reached >= 0.99 * final), final


def gowalla() -> tuple[csr_array, csr_array]:
    """Read the published split."""
    folder = Path(DATA) / "gowalla"
    lines = {name: (folder / f"{name}.txt").read_text().splitlines() for name in ("lgpp_train", "lgpp_valid", "test")}
    train, test = _pairs(lines["lgpp_train"] + lines["lgpp_valid"]), _pairs(lines["test"])
    shape = (max(train[0].max(), test[0].max()) + 1, max(train[1].max(), test[1].max()) + 1)
    both = (csr_array((np.ones(len(users), np.float32), (users, items)), shape=shape) for users, items in (train, test))
    found = tuple(both)
    return found[0], found[1]


def _pairs(lines: list[str]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    rows = [np.array(line.split(), np.int32) for line in lines]
    users = np.repeat([row[0] for row in rows if len(row)], [len(row) - 1 for row in rows if len(row)])
    return users.astype(np.int32), np.concatenate([row[1:] for row in rows if len(row)])


def ndcg(user_factors: Any, item_factors: Any, train: csr_array, test: csr_array, n: int = 20) -> float:
    """Compute the mean NDCG@20 of every second user with test items, over all items not in train."""
    discounts = 1 / np.log2(np.arange(n) + 2)
    values = []
    for users in np.array_split(np.flatnonzero(np.diff(test.indptr))[::2], 64):
        scores = user_factors[users] @ item_factors.T
        for row, user in enumerate(users):
            scores[row, train.indices[train.indptr[user] : train.indptr[user + 1]]] = -np.inf
            wanted = test.indices[test.indptr[user] : test.indptr[user + 1]]
            best = np.argpartition(-scores[row], n)[:n]
            best = best[np.argsort(-scores[row, best], kind="stable")]
            values.append(discounts[np.isin(best, wanted)].sum() / discounts[: len(wanted)].sum())
    return float(np.mean(values))


TABLES: dict[str, Callable[[], None]] = {
    **{f"epochs-{n}": partial(beside_peers, n) for n in (64, 128, 256)},
    **{f"loss-{n}": partial(beyond_exact, n) for n in (64, 128)},
    "threads": as_threads_grow,
    "growth": as_ratings_grow,
    "memory": peak_memory,
    "compile": first_compile,
    "gowalla": to_final_quality,
}
QUICK = ("epochs-64", "loss-64", "threads", "growth", "memory", "compile")


def main() -> None:
    """Make all tables, or some."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=TABLES, default=QUICK if IS_QUICK else TABLES)
    for name in parser.parse_args().only:
        if name == "gowalla" and not DATA:
            print("skipped gowalla: FOLDIN_BENCH_DATA names no folder that holds it")
            continue
        TABLES[name]()


if __name__ == "__main__":
    if sys.argv[1:2] == ["memory"]:
        report_memory(sys.argv[2])
    elif sys.argv[1:2] == ["compile"]:
        report_compile()
    else:
        main()
