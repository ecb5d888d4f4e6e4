"""A PostgreSQL that is stopped and started again under a service: reads go on, writes say so, and both heal."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config import Settings
from app.services.preparing import prepare_store
from tests.integration.questions.test_recommendations import ids
from tests.postgres import StoppableServer, stoppable_server
from tests.service import PATIENCE_SECONDS, started, tastes


@pytest.fixture
def server() -> Iterator[StoppableServer]:
    """A server of this test's own."""
    with stoppable_server() as found:
        if found is None:
            pytest.skip("the server that was given is not ours to stop")
        yield found


async def test_reads_outlive_the_store_and_writes_come_back(server: StoppableServer, tmp_path: Path):
    url = server.create_database()
    prepare_store(Settings(database_url=url, data_dir=tmp_path))
    async with started(url, tmp_path, read_deadline=0.25) as service:
        await service.rate(tastes())
        await service.train()
        before = await service.get("/users/u1/recommendations", n=60)
        assert not before["degraded"]
        for _ in range(2):
            server.stop()
            for _ in range(5):
                answer = await service.get("/users/u1/recommendations", n=60)
                assert (answer["degraded"], ids(answer)) == (True, ids(before))
            refused = await service.client.post("/ratings", json={"user_id": "u1", "item_id": "i01", "value": 1})
            assert refused.status_code == 503
            assert "retry-after" in refused.headers
            server.start()

            async with asyncio.timeout(PATIENCE_SECONDS):
                while (await service.get("/users/u1/recommendations"))["degraded"]:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.05)
            rated = ids(before)[0]
            await service.rate([("u2", rated, 5.0)])
            assert (await service.get("/users/u2/recommendations", n=60))["degraded"] is False
