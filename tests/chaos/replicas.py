"""Real API processes under load, and a balancer that asks each whether it is ready."""

import asyncio
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from app.config import Settings
from app.services.training.running import train_once
from app.storage.engine import Store
from app.storage.ratings import Rating
from app.storage.upserts import upsert_ratings
from tests.ports import free_port
from tests.releases import PRESENT, Release
from tests.service import tastes

_PATIENCE_SECONDS = 180.0


@dataclass
class Replica:
    """One ``foldin serve`` without a trainer, on a port that it keeps."""

    url: str
    data_dir: Path
    settings: dict[str, str]
    release: Release = PRESENT
    port: int = field(default_factory=free_port)
    is_ready: bool = False
    poll_seconds: float = 0.05
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        own = {"FOLDIN_DATABASE_URL": self.url, "FOLDIN_DATA_DIR": str(self.data_dir)} | self.settings
        self.process = self.release.start(
            "serve", "--no-trainer", "--port", str(self.port), settings=own, log=self.data_dir / f"{self.port}.log"
        )

    def stop(self) -> float:
        """Seconds that it took."""
        began = time.monotonic()
        if self.process is not None:
            self.process.terminate()
            self.process.wait(_PATIENCE_SECONDS)
        return time.monotonic() - began


async def balance(replicas: list[Replica], done: asyncio.Event) -> None:
    """Keep asking who is ready, as a load balancer does; one that is slow keeps nobody from asking the others."""
    async with httpx.AsyncClient(timeout=_PATIENCE_SECONDS) as client:
        await asyncio.gather(*(_watch(client, replica, done) for replica in replicas))


async def _watch(client: httpx.AsyncClient, replica: Replica, done: asyncio.Event) -> None:
    while not done.is_set():
        try:
            replica.is_ready = (await client.get(f"{replica.address}/health/ready")).status_code == 200
        except httpx.TransportError:
            replica.is_ready = False
        await asyncio.sleep(replica.poll_seconds)


async def until_ready(replica: Replica) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not replica.is_ready:  # noqa: ASYNC110 - what changes tells nobody
            await asyncio.sleep(0.02)


async def ask(
    replicas: list[Replica],
    done: asyncio.Event,
    counts: Counter[str],
    number: int,
    acknowledged: set[tuple[str, str]] | None = None,
    pause_seconds: float = 0.002,
) -> None:
    """Read and write in turn, each at a replica that counts as ready, without trying anything twice."""
    async with httpx.AsyncClient(timeout=_PATIENCE_SECONDS) as client:
        turn = number
        while not done.is_set():
            ready = [replica for replica in replicas if replica.is_ready]
            if not ready:
                counts["nobody_ready"] += 1
                await asyncio.sleep(0.02)
                continue
            turn += 1
            address = ready[turn % len(ready)].address
            try:
                if turn % 5:
                    response = await client.get(f"{address}/users/u{turn % 40}/recommendations")
                else:
                    body: dict[str, Any] = {"user_id": f"new {number}", "item_id": f"i{turn % 60:02}", "value": 3}
                    response = await client.post(f"{address}/ratings", json=body)
                problem = "" if response.status_code == 200 else f"{response.status_code} {response.text[:80]}"
                if not problem and turn % 5:
                    counts[f"version_{response.json()['model_version']}"] += 1
                elif not problem and acknowledged is not None:
                    acknowledged.add((body["user_id"], body["item_id"]))
            except httpx.TransportError as error:
                problem = f"{type(error).__name__} {error}"
            counts["failed" if problem else "answered"] += 1
            if problem:
                counts[f"failure: {problem}"] += 1
            await asyncio.sleep(pause_seconds)


def prepare(url: str, data_dir: Path, *, n_versions: int) -> list[int]:
    """Rate, and train so often."""
    store, settings = Store(url), Settings(database_url=url, data_dir=data_dir, n_factors=4, n_epochs=2, n_threads=1)
    trained = []
    with store.write() as connection:
        upsert_ratings(connection, [Rating(user, item, value, 1) for user, item, value in tastes()], now=1)
    for _ in range(n_versions):
        run = train_once(store, settings)
        assert run is not None
        assert run.model_version is not None, run.reason
        trained.append(run.model_version)
    store.close()
    return trained
