"""Run every measurement, or some: ``make bench ARGS="training_speed ingestion"``, ``BENCH=quick make bench``.

FOLDIN_BENCH_DATA names a folder of public data sets, FOLDIN_BENCH_PEERS the Python of an environment with other
libraries (see benchmarks/peers.py); what lacks either says so and is skipped.
"""

import subprocess
import sys

MEASUREMENTS = {
    "training_speed": "How fast training is",
    "quality": "How good recommendations are",
    "tuning": "What tuning is worth",
    "onboarding": "How fast a newcomer becomes known",
    "serving": "How fast answers are",
    "ingestion": "How fast ratings come in, and go out for training",
}


def main(wanted: list[str]) -> int:
    """Run measurements one after the other, each in a process of its own."""
    unknown = set(wanted) - MEASUREMENTS.keys()
    if unknown:
        print(
            f"there is no measurement {', '.join(sorted(unknown))}; there are {', '.join(MEASUREMENTS)}",
            file=sys.stderr,
        )
        return 2
    worst = 0
    for name in wanted or list(MEASUREMENTS):
        print(f"\n## {MEASUREMENTS[name]}\n", flush=True)
        worst = max(worst, subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
