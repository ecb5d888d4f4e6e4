"""A service that has been rated and trained, on each store in turn."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.service import Service, started, tastes


@pytest.fixture
async def service(database_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    """A service without any ratings."""
    async with started(database_url, tmp_path / "data") as service:
        yield service


@pytest.fixture
async def trained(service: Service) -> Service:
    """A service with 40 users and 60 items, whose categories are the kinds of people who like them."""
    kinds = ("even", "odd")
    await service.describe((f"i{item:02}", f"Item {item}", [kinds[item % 2], "all"]) for item in range(60))
    await service.rate(tastes())
    await service.train()
    return service
