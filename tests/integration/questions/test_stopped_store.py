"""A PostgreSQL that ends, or does not answer, under a service: reads go on, writes say so, and both heal."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import text

from app import main
from app.config import Settings
from app.services.preparing import prepare_store
from app.storage.engine import Store
from tests.chaos.outages import Database
from tests.integration.questions.test_recommendations import ids
from tests.postgres import StoppableServer
from tests.service import PATIENCE_SECONDS, Service, started, tastes

SILENCE_SECONDS = 2.0


async def until_fresh(service: Service, user: str) -> dict[str, Any]:
    """Ask until the database has answered in time."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        answer = await service.get(f"/users/{user}/recommendations", n=60)
        while answer["degraded"]:
            await asyncio.sleep(0.05)
            answer = await service.get(f"/users/{user}/recommendations", n=60)
    return dict(answer)


async def test_reads_outlive_the_store_and_writes_come_back(own_postgresql_server: StoppableServer, tmp_path: Path):
    server = own_postgresql_server
    url = server.create_database()
    prepare_store(Settings(database_url=url, data_dir=tmp_path))
    async with started(url, tmp_path, read_deadline=0.25) as service:
        await service.rate(tastes())
        await service.train()
        before = await until_fresh(service, "u1")
        for _ in range(2):
            server.stop()
            for _ in range(5):
                answer = await service.get("/users/u1/recommendations", n=60)
                assert (answer["degraded"], ids(answer)) == (True, ids(before))
            refused = await service.client.post("/ratings", json={"user_id": "u1", "item_id": "i01", "value": 1})
            assert refused.status_code == 503
            assert "retry-after" in refused.headers
            server.start()
            await until_fresh(service, "u1")
            rated = ids(before)[0]
            await service.rate([("u2", rated, 5.0)])
            assert rated not in ids(await until_fresh(service, "u2"))


@contextmanager
def stalled(url: str) -> Iterator[None]:
    database = Database(url)
    try:
        database.stall()
        yield
    finally:
        database.go_on()


async def test_writes_to_a_database_that_does_not_answer_are_refused_and_come_back(
    own_postgresql_server: StoppableServer, tmp_path: Path
):
    url = own_postgresql_server.create_database()
    prepare_store(Settings(database_url=url, data_dir=tmp_path))
    rating = {"user_id": "u1", "item_id": "i01", "value": 1}
    async with started(url, tmp_path, read_deadline=0.25, silence_deadline=SILENCE_SECONDS) as service:
        await service.rate(tastes())
        await service.train()
        with stalled(url):
            refused = await asyncio.gather(*(service.client.post("/ratings", json=rating) for _ in range(3)))
            assert {(answer.status_code, answer.headers.get("retry-after")) for answer in refused} == {(503, "1")}
            assert (await service.get("/users/u1/recommendations"))["degraded"]
            listing = await service.client.get("/users/u1/ratings")
            assert listing.status_code == 503
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (await service.client.post("/ratings", json=rating)).is_success:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)


async def test_one_connection_that_stands_still_is_no_silent_database(
    own_postgresql_server: StoppableServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    url, rating = own_postgresql_server.create_database(), {"user_id": "u1", "item_id": "i01", "value": 1}
    prepare_store(Settings(database_url=url, data_dir=tmp_path))
    answered_since = time.monotonic()
    silences: list[float] = []
    monkeypatch.setattr(Store, "break_off", lambda _: silences.append(time.monotonic() - answered_since))
    async with started(url, tmp_path, silence_deadline=0.5) as service:
        until = time.monotonic() + 2
        with probes_that_stand_still(service):
            while time.monotonic() < until:
                asked_at = time.monotonic()
                if (await service.client.post("/ratings", json=rating)).is_success:
                    answered_since = asked_at
    assert all(silence >= 0.5 for silence in silences), silences


@contextmanager
def probes_that_stand_still(service: Service) -> Iterator[None]:
    with service.state.ingester.store._prober.connect() as connection:
        process = psutil.Process(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
    process.suspend()
    try:
        yield
    finally:
        process.resume()


async def test_without_a_watch_they_would_wait(
    own_postgresql_server: StoppableServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async def unwatched(*_: object, **__: object) -> None:
        pass

    monkeypatch.setattr(main, "watch_store", unwatched)
    url = own_postgresql_server.create_database()
    prepare_store(Settings(database_url=url, data_dir=tmp_path))
    async with started(url, tmp_path, read_deadline=0.25) as service:
        await service.rate(tastes())
        writing = asyncio.create_task(service.post("/ratings", {"user_id": "u1", "item_id": "i01", "value": 1}))
        with stalled(url):
            done, _ = await asyncio.wait({writing}, timeout=3 * SILENCE_SECONDS)
            assert not done
        await writing
