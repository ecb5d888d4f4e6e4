"""Run all protocols, or some: `python -m benchmarks.quality [--tune] [gowalla|one_million|rating_values|by_time …]`.

Data is read from the folder that FOLDIN_BENCH_DATA names; BENCH=quick takes fewer seeds, folds and factors.
"""

import os
import sys
from pathlib import Path

from benchmarks.quality import by_time, gowalla, one_million, rating_values

PROTOCOLS = {
    "gowalla": (gowalla, "gowalla"),
    "one_million": (one_million, "ml-1m-ncf"),
    "rating_values": (rating_values, "ml-100k"),
    "by_time": (by_time, "ml-latest-small"),
}


def main(arguments: list[str]) -> None:
    """Run what was asked for, skipping what there is no data for."""
    folder = Path(os.environ.get("FOLDIN_BENCH_DATA", ""))
    wanted = [name for name in arguments if not name.startswith("--")] or list(PROTOCOLS)
    for name in wanted:
        protocol, needs = PROTOCOLS[name]
        if not os.environ.get("FOLDIN_BENCH_DATA") or not (folder / needs).is_dir():
            print(f"skipped {name}: FOLDIN_BENCH_DATA names no folder that holds {needs}")
            continue
        protocol.main(folder, is_quick=os.environ.get("BENCH") == "quick", is_tuning="--tune" in arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
