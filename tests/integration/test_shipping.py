"""Machines share nothing but PostgreSQL: what one publishes the others fetch, verify and serve."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select, update

from app.config import Settings
from app.errors import ArtifactError
from app.services.backup import restore_backup, write_backup
from app.services.refreshing import Refresher
from app.services.training.running import train_once
from app.services.training.supplementing import Supplementer
from app.serving.live import LiveModel
from app.storage import shipping
from app.storage.engine import Store
from app.storage.ratings import Rating
from app.storage.schema import model_chunks
from app.storage.shipping import forget_shipped, obtain_artifacts, shipped_folders
from app.storage.upserts import upsert_ratings
from tests.postgres import Server
from tests.service import Service, started, tastes


@pytest.fixture
async def replica(postgresql_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    """An API process on a machine of its own, with ratings and without a model."""
    async with started(postgresql_url, tmp_path / "replica") as service:
        await service.rate(tastes())
        yield service


@pytest.fixture
def trainer(replica: Service, tmp_path: Path) -> Settings:
    """The settings of the machine that trains, which has another directory."""
    return replica.settings.model_copy(update={"models_dir": tmp_path / "trainer"})


def train(store: Store, settings: Settings) -> int:
    run = train_once(store, settings)
    assert run is not None
    assert run.model_version is not None, run.reason
    return run.model_version


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def in_database(store: Store) -> set[str]:
    with store.read() as connection:
        return shipped_folders(connection)


def change_a_part(store: Store, version: int, **values: object) -> None:
    """Damage the only part of a version's item vectors in the database."""
    chosen = (model_chunks.c.folder == str(version)) & (model_chunks.c.file == "item_residuals.npy")
    with store.write() as connection:
        assert connection.execute(update(model_chunks).where(chosen).values(values)).rowcount == 1


async def test_what_one_machine_publishes_another_serves(replica: Service, trainer: Settings, monkeypatch):
    monkeypatch.setattr(shipping, "CHUNK_BYTES", 1000)
    version = await asyncio.to_thread(train, replica.store, trainer)
    await replica.until(lambda: replica.served_version == version)
    assert (await replica.get("/users/u1/recommendations"))["strategy"] == "personal"
    fetched = content(replica.settings.models_dir / str(version))
    assert fetched == content(trainer.models_dir / str(version))
    with replica.store.read() as connection:
        n_parts = connection.execute(select(func.count()).select_from(model_chunks)).scalar_one()
    assert n_parts == sum(-(-len(parts) // 1000) for parts in fetched.values()) > len(fetched)


async def test_items_that_came_later_travel_too(replica: Service, trainer: Settings):
    await asyncio.to_thread(train, replica.store, trainer)
    await replica.rate([(f"u{user}", "new", 5.0) for user in range(1, 40, 2)])
    await asyncio.to_thread(Supplementer(replica.store, trainer).supplement)
    await replica.until(lambda: replica.state.live.current and replica.state.live.current.identity[1] == 1)
    answer = await replica.get("/users/u39/recommendations", n=1000, exclude_rated=False)
    assert "new" in [item["item_id"] for item in answer["items"]]


async def test_a_replica_that_starts_late_finds_the_model(replica: Service, trainer: Settings, tmp_path: Path):
    version = await asyncio.to_thread(train, replica.store, trainer)
    async with started(replica.settings.store_url, tmp_path / "late") as late:
        assert late.served_version == version  # before it is ready


@pytest.mark.parametrize("damage", [{"content": b"other"}, {"sha256": b"other"}, {"number": 1}, {"file": "../x.npy"}])
async def test_a_damaged_part_is_refused_and_the_old_version_goes_on(replica: Service, trainer: Settings, damage):
    elsewhere = trainer.model_copy(update={"models_dir": trainer.data_dir / "elsewhere"})
    live = LiveModel()
    refresher = Refresher(replica.store, elsewhere, live)
    first = await asyncio.to_thread(train, replica.store, trainer)
    assert refresher.refresh()
    second = await asyncio.to_thread(train, replica.store, trainer)
    change_a_part(replica.store, second, **damage)
    with pytest.raises(ArtifactError, match=r"damaged in the database|no name of"):
        refresher.refresh()
    assert live.current
    assert live.current.model.version == first
    assert [folder.name for folder in elsewhere.models_dir.iterdir()] == [str(first)]


async def test_what_lies_in_a_shared_directory_is_not_fetched(replica: Service, tmp_path: Path):
    version = await asyncio.to_thread(train, replica.store, replica.settings)
    with replica.store.write() as connection:
        forget_shipped(connection, [version])
    await replica.until(lambda: replica.served_version == version)
    with pytest.raises(ArtifactError, match="neither on this machine nor in the database"):
        obtain_artifacts(replica.store, tmp_path / "empty", version)


async def test_what_is_forgotten_is_deleted_in_the_database_and_where_it_was_fetched(replica: Service, trainer):
    trainer = trainer.model_copy(update={"keep_versions": 1, "cursor_seconds": 0.0})
    published = []
    for _ in range(4):
        published.append(await asyncio.to_thread(train, replica.store, trainer))
        await replica.until(lambda: replica.served_version == published[-1])
    kept = {str(version) for version in published[-2:]}  # the last was retired only now
    assert in_database(replica.store) == kept
    assert {folder.name for folder in replica.settings.models_dir.iterdir()} == kept


async def test_processes_of_one_machine_fetch_once(replica: Service, trainer: Settings, tmp_path: Path, monkeypatch):
    version = await asyncio.to_thread(train, replica.store, trainer)
    host = tmp_path / "host"  # the replica fetches on its own account, into its own directory
    fetched, fetch = [], shipping._fetch

    def count(connection: Connection, target: Path) -> None:
        fetched.append(target)
        fetch(connection, target)

    monkeypatch.setattr(shipping, "_fetch", count)
    async with asyncio.TaskGroup() as group:
        for _ in range(6):
            group.create_task(asyncio.to_thread(obtain_artifacts, replica.store, host, version))
    assert [target for target in fetched if target.parent == host] == [host / str(version)]


async def test_a_backup_holds_the_files_once_and_brings_them_back(
    replica: Service, trainer: Settings, postgresql_server: Server, tmp_path: Path
):
    version = await asyncio.to_thread(train, replica.store, trainer)
    url = postgresql_server.create_database()
    restored = Settings(database_url=url, data_dir=tmp_path / "restored")
    summary = write_backup(replica.store, trainer, tmp_path / "backup.zip", lambda *_: None)
    assert summary.n_model_files == 0  # they are in the tables
    restore_backup(restored, tmp_path / "backup.zip", lambda *_: None)
    store = Store(url)
    obtain_artifacts(store, restored.models_dir, version)
    store.close()
    postgresql_server.drop_database(url)
    assert content(restored.models_dir / str(version)) == content(trainer.models_dir / str(version))


def test_on_sqlite_nothing_travels(sqlite_url: str, tmp_path: Path):
    store = Store(sqlite_url)
    settings = Settings(database_url=sqlite_url, data_dir=tmp_path, n_factors=4, n_epochs=2)
    with store.write() as connection:
        upsert_ratings(connection, [Rating(*rating, 1) for rating in tastes()], now=1)
    assert train(store, settings)
    assert in_database(store) == set()
    store.close()
