"""Releases beside each other, in short: one process of each kind and release, on one store, under load."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.upgrades import run_upgrade
from tests.postgres import Server
from tests.releases import PRESENT, NoReleaseError, Release, next_release, previous_release


@pytest.fixture
def previous() -> Release:
    try:
        return previous_release()
    except NoReleaseError as reason:
        pytest.skip(str(reason))  # a shallow clone, or a copy without history, holds no earlier release to run


@pytest.fixture
def following(tmp_path: Path) -> Release:
    folder = tmp_path / "next"
    folder.mkdir()
    return next_release(folder)


def upgraded(url: str, tmp_path: Path, older: Release, newer: Release, **options: bool) -> dict[str, Any]:
    folder = tmp_path / "data"
    folder.mkdir()
    return asyncio.run(run_upgrade(url, folder, older, newer, **options))


def test_the_previous_release_goes_on_beside_this_one(postgresql_server: Server, tmp_path: Path, previous: Release):
    found = upgraded(postgresql_server.create_database(), tmp_path, previous, PRESENT, restarts_older=False)
    assert (found["failed"], found["lost"]) == (0, 0), found
    assert found["acknowledged"] > 0, found


def test_this_release_goes_on_and_starts_again_beside_one_that_adds_to_the_store_and_to_model_versions(
    tmp_path: Path, following: Release
):
    found = upgraded(f"sqlite:///{tmp_path / 'foldin.db'}", tmp_path, PRESENT, following)
    assert (found["failed"], found["lost"]) == (0, 0), found
    beside, newest = found["served"]["the older's, trained beside"], found["served"]["the newer's"]
    assert beside["older"] == beside["newer"], found
    kept = beside["older"][0]
    assert newest["older"] == (kept, newest["newer"][0]), "what cannot be read is refused, and what was served goes on"
    assert found["served"]["after a restart"]["older"][0] == kept, found


def test_a_release_that_renames_a_column_at_once_is_caught(tmp_path: Path, following: Release):
    url = f"sqlite:///{tmp_path / 'foldin.db'}"
    assert upgraded(url, tmp_path, PRESENT, following, contracts=True)["failed"] > 0
