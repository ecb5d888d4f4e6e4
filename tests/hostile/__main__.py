"""Asks whatever the API's own description allows and forbids, and checks every answer against it; S1 by command.

``python -m tests.hostile --cases 200000 --store postgresql --seed 1 --seconds 800`` prints one JSON object.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.chaos.__main__ import _store as empty_store
from tests.hostile.target import hostile_target

HOOKS = {"SCHEMATHESIS_HOOKS": "tests.hostile.schemathesis_hooks"}
CONFIG = Path(__file__).with_name("schemathesis.toml")
N_OPERATIONS = 29


def main() -> None:
    """Run and print; the exit code says whether every check held."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--cases", type=int, default=200_000)
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=int, default=800, help="stop after these, with as many cases as fitted")
    parser.add_argument("--url", help="of a migrated, empty store; by default one is made")
    arguments = parser.parse_args()
    with (
        empty_store(arguments) as url,
        tempfile.TemporaryDirectory() as folder,
        hostile_target(url, Path(folder)) as (_, port),
    ):
        found = run_schemathesis(port, cases=arguments.cases, seed=arguments.seed, seconds=arguments.seconds)
    output = found.pop("output")
    json.dump({"store": arguments.store, "seed": arguments.seed, **found}, sys.stdout)
    sys.stdout.write("\n")
    if found["n_failures"]:
        sys.exit(output)


def run_schemathesis(port: int, *, cases: int, seed: int, seconds: int | None = None) -> dict[str, Any]:
    """Ask a service as many cases, or for as many seconds as cases fit into, all checks on, and count."""
    began = time.monotonic()
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG)),
            *("run", f"http://127.0.0.1:{port}/openapi.json"),
            *(
                "--checks",
                "all",
                "--phases",
                "fuzzing",
                "--mode",
                "all",
                "--max-examples",
                str(-(-cases // N_OPERATIONS)),
            ),
            *("--seed", str(seed), "--generation-database", "none", "--no-color", "--continue-on-failure"),
            *(["--max-time", str(seconds)] if seconds is not None else []),
        ],
        env=os.environ | HOOKS,
        capture_output=True,
        text=True,
        check=False,
    )
    counted = re.search(r"([\d,]+) generated(?:, ([\d,]+) found)?", done.stdout)
    assert counted, done.stdout + done.stderr
    return {
        "n_cases": int(counted[1].replace(",", "")),
        "n_failures": int((counted[2] or "0").replace(",", "")) or int(done.returncode != 0),
        "seconds": round(time.monotonic() - began, 1),
        "output": done.stdout + done.stderr,
    }


if __name__ == "__main__":
    main()
