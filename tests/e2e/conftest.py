"""An installation of Foldin for each end-to-end test."""

from pathlib import Path

import pytest

from tests.processes import Foldin

SETTINGS = {"FOLDIN_N_FACTORS": "8", "FOLDIN_TRAIN_AFTER_RATINGS": "1000000"}


@pytest.fixture
def foldin(database_url: str, tmp_path: Path) -> Foldin:
    """An installation with an empty store, of each kind in turn, that trains at once on first ratings."""
    return Foldin(database_url, tmp_path, SETTINGS)
