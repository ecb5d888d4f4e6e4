"""Top-n alone, on one thread, beside reading the matrix once, numpy, and faiss' flat index."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from app.factorization.arrays import Floats
from app.factorization.compiled import compiled
from app.factorization.quantized import QuantizedVectors
from app.factorization.top_n import top_n
from benchmarks.serving.installation import Spectrum, invented_vectors
from benchmarks.tables import IS_QUICK, measured

N_ITEMS = 50_000 if IS_QUICK else 1_000_000
N_FACTORS = 64
N_TIMES = 30
_SPECTRA: tuple[Spectrum, ...] = ("trained", "iid")
_FAISS = """
import json, sys, time
import faiss, numpy as np
faiss.omp_set_num_threads(1)
V, u = np.load(sys.argv[1], mmap_mode="r"), np.load(sys.argv[2])
index = faiss.IndexFlatIP(V.shape[1])
index.add(np.ascontiguousarray(V))
took = []
for vector in u:
    started = time.perf_counter()
    index.search(vector[None], 10)
    took.append(time.perf_counter() - started)
print(json.dumps(sorted(took)[len(took) // 2] * 1e3))
"""


def measure(folder: Path) -> None:
    """Measure both spectra."""
    header = ("1 M × 64, one thread, ms", "top 10", "top 1,000", "one read", "top 10 / read", "numpy", "faiss flat")
    with measured("serving-kernel", header) as row, threadpool_limits(1):
        for spectrum in _SPECTRA:
            vectors = invented_vectors(N_ITEMS, N_FACTORS, spectrum)
            chosen = np.random.default_rng(1).integers(0, N_ITEMS, (N_TIMES, 20))
            users = np.array([vectors[rows].mean(axis=0) for rows in chosen])
            items, words = QuantizedVectors.of(vectors), vectors.view(np.uint64).reshape(-1)
            ten, many = (_median(partial(top_n, items, n=n), users) for n in (10, 1000))
            read = _median(lambda _, words=words: _sum(words), users)
            plain = _median(partial(_plain, vectors), users)
            row(spectrum, ten, many, read, ten / read, plain, _faiss(folder, vectors, users))


def _plain(vectors: Floats, user: Floats) -> NDArray[np.intp]:
    return np.argpartition(vectors @ user, N_ITEMS - 10)[-10:]


@compiled
def _sum(words: NDArray[np.uint64]) -> np.uint64:
    total = np.uint64(0)
    for word in words:
        total += word
    return total


def _median(run: Callable[..., object], users: Floats) -> float:
    run(users[0])
    took = []
    for user in users:
        started = time.perf_counter()
        run(user)
        took.append(time.perf_counter() - started)
    return float(np.median(took)) * 1e3


def _faiss(folder: Path, vectors: Floats, users: Floats) -> float | None:
    python = os.environ.get("FOLDIN_BENCH_PEERS")
    if not python:
        return None
    np.save(folder / "V.npy", vectors)
    np.save(folder / "u.npy", users)
    command = [python, "-c", _FAISS, str(folder / "V.npy"), str(folder / "u.npy")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return float(json.loads(done.stdout)) if done.returncode == 0 else None
