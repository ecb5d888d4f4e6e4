"""Time what one would use instead: run by the Python of a virtual environment of its own, one JSON line per fit.

    python -m venv .peers && .peers/bin/pip install implicit cmfrec irspack
    FOLDIN_BENCH_PEERS=.peers/bin/python python -m benchmarks.training_speed

This file imports nothing of Foldin, so that the environments need not agree.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp


def implicit(matrix: Any, n_factors: int, n_epochs: int, n_threads: int) -> Callable[[], Any]:
    """Hu, Koren and Volinsky's loss by three conjugate-gradient steps, in C++."""
    from implicit.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(
        factors=n_factors, iterations=n_epochs, alpha=10.0, regularization=0.01, num_threads=n_threads, random_state=0
    )

    def fit() -> tuple[Any, Any]:
        model.fit(matrix, show_progress=False)
        return model.user_factors, model.item_factors

    return fit


def irspack(matrix: Any, n_factors: int, n_epochs: int, n_threads: int) -> Callable[[], Any]:
    """Rendle et al.'s iALS by conjugate gradients, in C++."""
    from irspack.recommenders.ials import IALSRecommender

    model = IALSRecommender(
        matrix, n_components=n_factors, train_epochs=n_epochs, n_threads=n_threads, alpha0=0.1, reg=0.01
    )
    return lambda: model.learn()


def cmfrec(matrix: Any, n_factors: int, n_epochs: int, n_threads: int) -> Callable[[], Any]:
    """Cortes' implementation by conjugate gradients, in C."""
    from cmfrec import CMF_implicit

    model = CMF_implicit(
        k=n_factors,
        lambda_=0.01,
        alpha=10,
        niter=n_epochs,
        use_float=True,
        use_cg=True,
        nthreads=n_threads,
        precompute_for_predictions=False,
        verbose=False,
    )
    return lambda: model.fit(matrix.tocoo())


def main(file: str, name: str, n_factors: str, n_epochs: str, n_threads: str, factors_to: str = "") -> None:
    """Fit once, print the seconds, and keep the factors if asked to."""
    with np.load(file) as saved:
        parts = (np.ones(len(saved["indices"]), np.float32), saved["indices"], saved["indptr"])
        matrix = sp.csr_matrix(parts, shape=saved["shape"])
    make = {"implicit": implicit, "irspack": irspack, "cmfrec": cmfrec}[name]
    try:
        fit = make(matrix, int(n_factors), int(n_epochs), int(n_threads))
    except ImportError:
        print(json.dumps({"name": name, "seconds": None}))
        return
    began = time.perf_counter()
    factors = fit()
    print(json.dumps({"name": name, "seconds": time.perf_counter() - began}))
    if factors_to:
        np.savez(factors_to, user_factors=factors[0], item_factors=factors[1])


if __name__ == "__main__":
    main(*sys.argv[1:])
