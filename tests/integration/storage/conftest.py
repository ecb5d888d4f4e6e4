"""A store that a test can write to, and the shortest way to do so."""

from collections.abc import Iterator

import pytest

from app.storage.engine import Store


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An empty store of each kind in turn."""
    opened = Store(database_url)
    yield opened
    opened.close()
