"""Whole requests over HTTP, for models of several sizes."""

from pathlib import Path
from statistics import median

import httpx

from benchmarks.serving.installation import Spectrum, install
from benchmarks.serving.load import bare_endpoint, closed_loop, on_core, open_loop
from benchmarks.tables import IS_QUICK, measured

PATH = "/users/u%d/recommendations?n=10"
SECONDS = 2 if IS_QUICK else 8
_TURNS = 1 if IS_QUICK else 7  # of the two in turn, since a machine changes its speed
_SPECTRA: tuple[Spectrum, ...] = ("trained", "iid")


def measure_small(folder: Path) -> None:
    """10,000 items, in turn with an endpoint that answers the same bytes from memory; then half of that load."""
    header = ("10,000 × 64, one process on one core", "requests/s", "bare endpoint", "ratio", "p99 at half load, ms")
    with measured("serving-small", header) as row:
        for spectrum in _SPECTRA:
            foldin = install(folder / spectrum, 10_000, 64, spectrum)
            with on_core(0), foldin.serve("--no-trainer") as server:
                body = httpx.get(server.url + PATH % 1).raise_for_status().content
                with bare_endpoint(body, folder) as bare_url:
                    _warm(server.url)
                    turns = [_in_turn(server.url, bare_url) for _ in range(_TURNS)]
                ours, bare = (median(side) for side in zip(*turns, strict=True))
                with on_core(1):
                    half = open_loop(server.url, PATH, per_second=ours / 2, seconds=SECONDS)
            row(spectrum, ours, bare, median(one / other for one, other in turns), half.p99)


def _in_turn(url: str, bare_url: str) -> tuple[float, float]:
    loads = [closed_loop(address, PATH, n_clients=8, seconds=2, core=1) for address in (url, bare_url)]
    return loads[0].per_second, loads[1].per_second


def measure_1m_50(folder: Path) -> None:
    """Oryx's first size."""
    _measure_large(folder, "1 M × 50", 20_000 if IS_QUICK else 1_000_000, 50)


def measure_1m_250(folder: Path) -> None:
    """Oryx's second size."""
    _measure_large(folder, "1 M × 250", 20_000 if IS_QUICK else 1_000_000, 250)


def measure_5m_50(folder: Path) -> None:
    """Oryx's third size."""
    _measure_large(folder, "5 M × 50", 100_000 if IS_QUICK else 5_000_000, 50)


def _measure_large(folder: Path, name: str, n_items: int, n_factors: int) -> None:
    header = ("exact, 3 clients", "requests/s", "p50, ms", "p99, ms")
    with measured("serving-large", header) as row:
        for spectrum in _SPECTRA:
            foldin = install(folder / spectrum, n_items, n_factors, spectrum)
            with foldin.serve("--no-trainer") as server:
                _warm(server.url)
                load = closed_loop(server.url, PATH, n_clients=3, seconds=SECONDS)
            row(f"{name}, {spectrum}", load.per_second, load.p50, load.p99)


def measure_concurrent(folder: Path) -> None:
    """64 clients against one, on a million items."""
    header = ("1 M × 64", "one client, requests/s", "64 clients, requests/s", "ratio", "p99 of 64, ms")
    with measured("serving-concurrent", header) as row:
        for spectrum in _SPECTRA:
            foldin = install(folder / spectrum, 20_000 if IS_QUICK else 1_000_000, 64, spectrum)
            with foldin.serve("--no-trainer") as server:
                _warm(server.url)
                one = closed_loop(server.url, PATH, n_clients=1, seconds=SECONDS)
                many = closed_loop(server.url, PATH, n_clients=64, seconds=SECONDS)
            row(spectrum, one.per_second, many.per_second, many.per_second / one.per_second, many.p99)


def _warm(url: str) -> None:
    closed_loop(url, PATH, n_clients=3, seconds=1)
