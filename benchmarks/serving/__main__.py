"""How fast answers are: ``python -m benchmarks.serving [--only SECTION …]``; ``BENCH=quick`` takes smaller models.

Real processes, real HTTP on loopback, a SQLite store whose users have rated 100 items each; every request reads them.
Small model: the server has one core, the clients the other. Large ones: one server process, whose threads share both
cores with the clients. FOLDIN_BENCH_PEERS names the Python of an environment with faiss, for its flat index.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.serving import kernel, processes, requests

SECTIONS: dict[str, Callable[[Path], None]] = {
    "kernel": kernel.measure,
    "small": requests.measure_small,
    "1m-50": requests.measure_1m_50,
    "1m-250": requests.measure_1m_250,
    "5m-50": requests.measure_5m_50,
    "concurrent": requests.measure_concurrent,
    "processes": processes.measure_processes,
    "swap": processes.measure_swap,
    "next-request": processes.measure_next_request,
}


def main() -> None:
    """Measure some sections, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), metavar="SECTION")
    for name in parser.parse_args().only:
        with tempfile.TemporaryDirectory() as folder:
            SECTIONS[name](Path(folder))


if __name__ == "__main__":
    main()
