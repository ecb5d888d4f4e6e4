"""The faults of models, trainings and deployments by name, each with the number of cycles of its promise."""

import argparse
import asyncio
import itertools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.storage.migrate import migrate
from tests.postgres import DURABLE_AND_LOCAL, FAST_AND_LOCAL, running_server

Found = dict[str, object]


def _model_files(arguments: argparse.Namespace) -> Found:
    from tests.chaos.model_files import run_model_files

    cycles = arguments.cycles or 20_000
    return run_model_files(seed=arguments.seed, cycles=cycles, is_trusting=arguments.control)


def _data_sets(arguments: argparse.Namespace) -> Found:
    from tests.chaos.data_sets import run_data_sets

    return run_data_sets(seed=arguments.seed, cycles=arguments.cycles or 50_000, is_ungated=arguments.control)


def _races(arguments: argparse.Namespace) -> Found:
    from tests.chaos.races import run_races

    with _migrated(arguments) as url:
        return run_races(url, seed=arguments.seed, cycles=arguments.cycles or 1_000, is_unfenced=arguments.control)


def _migrations(arguments: argparse.Namespace) -> Found:
    from tests.chaos.migrations import run_migrations

    with _new_urls(arguments) as new_url:
        return run_migrations(new_url, cycles=arguments.cycles or 50, is_unlocked=arguments.control)


def _swaps(arguments: argparse.Namespace) -> Found:
    from tests.chaos.swaps import run_swaps

    cycles, seed = arguments.cycles or 1_000, arguments.seed
    with _migrated(arguments) as url, tempfile.TemporaryDirectory() as folder:
        return asyncio.run(run_swaps(url, Path(folder), seed=seed, cycles=cycles, is_torn=arguments.control))


def _rolling(arguments: argparse.Namespace) -> Found:
    from tests.chaos.rolling import run_rolling

    with _migrated(arguments) as url, tempfile.TemporaryDirectory() as folder:
        cycles = arguments.cycles or 200
        return asyncio.run(run_rolling(url, Path(folder), cycles=cycles, is_abrupt=arguments.control))


def _outages(arguments: argparse.Namespace) -> Found:
    from tests.chaos.outages import run_outages

    with running_server(DURABLE_AND_LOCAL) as server, tempfile.TemporaryDirectory() as folder:
        url, cycles = server.create_database(), arguments.cycles or 50
        migrate(url)
        stalls, has_no_model = arguments.scenario == "stalls", arguments.control
        return asyncio.run(
            run_outages(url, Path(folder), seed=arguments.seed, cycles=cycles, stalls=stalls, has_no_model=has_no_model)
        )


def _training_deaths(arguments: argparse.Namespace) -> Found:
    from tests.chaos.training_deaths import run_training_deaths

    with _migrated(arguments) as url, tempfile.TemporaryDirectory() as folder:
        cycles = arguments.cycles or 20
        return asyncio.run(run_training_deaths(url, Path(folder), cycles=cycles, kills_api=arguments.control))


def _upgrade(arguments: argparse.Namespace) -> Found:
    from tests.chaos.upgrades import run_upgrade
    from tests.releases import PRESENT, next_release, previous_release

    with _new_urls(arguments) as new_url, tempfile.TemporaryDirectory() as place:
        folders = [Path(place) / name for name in ("next", "before", "after")]
        for folder in folders:
            folder.mkdir()
        following = next_release(folders[0])
        if arguments.control:
            return asyncio.run(run_upgrade(new_url(), folders[2], PRESENT, following, contracts=True))
        before = asyncio.run(run_upgrade(new_url(), folders[1], previous_release(), PRESENT, restarts_older=False))
        after = asyncio.run(run_upgrade(new_url(), folders[2], PRESENT, following))
        faults = {name: before[name] + after[name] for name in ("failed", "lost")}
        return faults | {"previous_beside_this": before, "this_beside_the_next": after}


SCENARIOS: dict[str, Callable[[argparse.Namespace], Found]] = {
    "model-files": _model_files,
    "data-sets": _data_sets,
    "races": _races,
    "migrations": _migrations,
    "swaps": _swaps,
    "rolling": _rolling,
    "outages": _outages,
    "stalls": _outages,
    "training-deaths": _training_deaths,
    "upgrade": _upgrade,
}


@contextmanager
def _migrated(arguments: argparse.Namespace) -> Iterator[str]:
    if arguments.url:
        yield arguments.url
        return
    with _new_urls(arguments) as new_url:
        url = new_url()
        migrate(url)
        yield url


@contextmanager
def _new_urls(arguments: argparse.Namespace) -> Iterator[Callable[[], str]]:
    """Addresses of empty stores that nobody has migrated."""
    if arguments.store == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            numbers = itertools.count()
            yield lambda: f"sqlite:///{Path(folder) / f'{next(numbers)}.db'}"
    else:
        with running_server(FAST_AND_LOCAL if arguments.scenario == "migrations" else DURABLE_AND_LOCAL) as server:
            yield server.create_database
