"""One API process inside the test: the real application on a real store, asked over HTTP without a socket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from fastapi import FastAPI

from app.api.state import ApiState
from app.config import Settings
from app.main import create_app
from app.services.training.running import train_once
from app.storage.catalogue import Item, upsert_items
from app.storage.engine import Store

JSON = {"content-type": "application/json"}  # which every write needs, even without a body
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Service:
    """An application that has started."""

    app: FastAPI
    client: httpx.AsyncClient
    settings: Settings
    store: Store

    @property
    def state(self) -> ApiState:
        state: ApiState = self.app.state.foldin
        return state

    async def get(self, path: str, status: int = 200, **parameters: Any) -> Any:
        """Read something; ``parameters`` may be lists."""
        response = await self.client.get(path, params=parameters)
        assert response.status_code == status, response.text
        return response.json()

    async def post(self, path: str, body: object, status: int = 200) -> Any:
        response = await self.client.post(path, json=body)
        assert response.status_code == status, response.text
        return response.json()

    async def rate(self, ratings: Iterable[tuple[str, str, float]]) -> None:
        body = [{"user_id": user, "item_id": item, "value": value} for user, item, value in ratings]
        await self.post("/ratings", body)

    async def describe(self, items: Iterable[tuple[str, str, list[str]]]) -> None:
        with self.store.write() as connection:
            upsert_items(connection, [Item(*item) for item in items])

    async def train(self) -> int:
        """Train and wait until the new version is served."""
        run = await asyncio.to_thread(train_once, self.store, self.settings)
        assert run is not None, "nobody else trains"
        assert run.model_version, run.reason
        await self.until(lambda: self.served_version == run.model_version)
        return run.model_version

    @property
    def served_version(self) -> int | None:
        current = self.state.live.current
        return None if current is None else current.model.version

    async def until(self, is_so: Any, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait for something to become true."""
        async with asyncio.timeout(seconds):
            while not is_so():  # noqa: ASYNC110 - what changes tells nobody
                await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def started(database_url: str, data_dir: Path, **settings: Any) -> AsyncIterator[Service]:
    """Start an application on a migrated store."""
    usual = {"n_factors": 8, "n_threads": 1, "read_deadline": 60, "silence_deadline": 60}
    given = Settings(**usual | settings, database_url=database_url, data_dir=data_dir)
    app, store = create_app(given), Store(database_url)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=JSON) as client,
    ):
        yield Service(app, client, given, store)
    store.close()


def tastes(n_users: int = 40, n_items: int = 60, seed: int = 0) -> list[tuple[str, str, float]]:
    """Ratings of people of two kinds: one likes the items with even numbers, the other those with odd ones."""
    rng = np.random.default_rng(seed)
    ratings = []
    for user in range(n_users):
        for item in rng.choice(n_items, size=n_items // 3, replace=False).tolist():
            likes = item % 2 == user % 2
            ratings.append((f"u{user}", f"i{item:02}", float(rng.integers(4, 6) if likes else rng.integers(1, 3))))
    return ratings
