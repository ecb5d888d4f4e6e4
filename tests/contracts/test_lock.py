"""The lock files: complete, hashed, and free of any address."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = {"requirements.lock": ["build"], "requirements-dev.lock": ["build", "dev"]}


def pins(lock: str) -> list[Requirement]:
    """The lock's requirements, one for each package and marker."""
    return [Requirement(line.rstrip(" \\")) for line in (ROOT / lock).read_text().splitlines() if re.match(r"\w", line)]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_what_the_project_declares(lock):
    groups = PROJECT["dependency-groups"]
    declared = PROJECT["project"]["dependencies"] + [entry for group in LOCKS[lock] for entry in groups[group]]
    for requirement in map(Requirement, declared):
        found = [pin for pin in pins(lock) if pin.name == requirement.name]
        assert found, requirement
        for pin in found:
            (version,) = pin.specifier
            assert version.operator == "=="
            assert requirement.specifier.contains(version.version)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_has_hashes(lock):
    text = (ROOT / lock).read_text()
    entries = re.split(r"^(?=\w)", text, flags=re.MULTILINE)[1:]
    assert len(entries) == len(pins(lock))
    assert all("--hash=sha256:" in entry for entry in entries)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_address_and_no_path(lock):
    text = (ROOT / lock).read_text()
    assert not re.search(r"://|--index|--find-links|--extra| @ |(^|\s)/", text)


def test_development_runs_on_the_very_versions_that_are_served():
    # whatever else is needed for development may want a package on more systems
    served, developed = ({f"{pin.name}{pin.specifier}" for pin in pins(lock)} for lock in LOCKS)
    assert served <= developed
