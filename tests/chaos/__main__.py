"""Runs a scenario and prints one JSON object; the exit code says whether every promise was kept."""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tests.chaos.ledger import FAULTS, Ledger
from tests.chaos.scenarios import SCENARIOS


def main() -> None:
    """Read the scenario and run it."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    of_the_store = ["kill", "service-kill", "writers", "restore", "power-cut", "disk"]
    parser.add_argument("scenario", choices=[*of_the_store, *SCENARIOS])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cycles", type=int)
    parser.add_argument("--seconds", type=float, default=600, help="of the writers")
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--url", help="of a migrated, empty store; by default one is made")
    parser.add_argument("--control", action="store_true", help="run it wrong on purpose: it must be caught")
    arguments = parser.parse_args()
    found = {"scenario": arguments.scenario, "seed": arguments.seed, **_run(arguments)}
    is_kept = not any(found.get(fault) for fault in FAULTS)
    json.dump(found | {"is_kept": is_kept}, sys.stdout)
    sys.stdout.write("\n")
    sys.exit(not is_kept)


def _run(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.scenario in SCENARIOS:
        return SCENARIOS[arguments.scenario](arguments)
    if arguments.scenario == "power-cut":
        from tests.chaos.power_cuts import run_power_cuts

        synchronous = "NORMAL" if arguments.control else "FULL"
        return run_power_cuts(seed=arguments.seed, cycles=arguments.cycles or 100_000, synchronous=synchronous)
    with _store(arguments) as url:
        if arguments.scenario == "disk":
            return _run_disk(url, is_control=arguments.control)
        if arguments.scenario == "writers":
            from tests.chaos.many_writers import run_many_writers

            return run_many_writers(url, seconds=arguments.seconds, deferred=arguments.control)
        if arguments.scenario == "restore":
            from tests.chaos.restores import run_restores

            with tempfile.TemporaryDirectory() as folder:
                cycles = arguments.cycles or 50
                return run_restores(url, Path(folder), cycles=cycles, copies_file=arguments.control)
        if arguments.scenario == "service-kill":
            from tests.chaos.service_kills import run_service_kills

            with tempfile.TemporaryDirectory() as folder:
                cycles = arguments.cycles or 1_000
                return run_service_kills(
                    url, Path(folder), seed=arguments.seed, cycles=cycles, control=arguments.control
                )
        from tests.chaos.kills import run_kills

        cycles = arguments.cycles or 1_000
        return run_kills(url, seed=arguments.seed, cycles=cycles, acknowledges_early=arguments.control)


def _run_disk(url: str, *, is_control: bool) -> dict[str, Any]:
    from tests.chaos import disk_faults, full_disk, postgresql_faults

    runs: list[Callable[[], dict[str, Any]]]
    if is_control:
        runs = [partial(full_disk.run_full_disk, acknowledges_early=True)]
    elif url.startswith("sqlite"):
        runs = [partial(_with_own_file, url, number, fault) for number, fault in enumerate(disk_faults.FAULTS)]
        runs.append(full_disk.run_full_disk)
    else:
        ledger, run_fault = Ledger(), postgresql_faults.run_postgresql_faults
        runs = [partial(run_fault, url, fault, ledger) for fault in postgresql_faults.FAULTS]
    found: dict[str, Any] = {"faults": []}
    for run in runs:
        one = run()
        found["faults"].append(one)
        for name in FAULTS:
            found[name] = found.get(name, 0) + one.get(name, 0)
    return found


def _with_own_file(url: str, number: int, fault: str) -> dict[str, Any]:
    from tests.chaos.disk_faults import run_disk_faults

    own = url.replace("foldin.db", f"{number}.db")
    _migrate(own)
    return run_disk_faults(own, fault)


@contextmanager
def _store(arguments: argparse.Namespace) -> Iterator[str]:
    if arguments.url:
        yield arguments.url
    elif arguments.store == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{Path(folder) / 'foldin.db'}"
            _migrate(url)
            yield url
    else:
        from tests.postgres import DURABLE_AND_LOCAL, running_server

        with running_server(DURABLE_AND_LOCAL) as server:
            url = server.create_database()
            _migrate(url)
            yield url


def _migrate(url: str) -> None:
    from app.storage.migrate import migrate

    migrate(url)


if __name__ == "__main__":
    main()
