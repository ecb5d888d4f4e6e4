"""A version whose files are not as they were published is never served, and everybody can see that it is refused."""

import gc
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.config import Settings
from app.errors import ArtifactError
from app.services import refreshing
from app.services.refreshing import Refresher
from app.serving.live import LiveModel
from app.storage import versions
from app.storage.artifacts import read_artifacts, write_artifacts
from app.storage.engine import Store
from tests.chaos.model_files import make_version, run_model_files
from tests.service import Service, started, tastes

SEED = 11


def test_five_hundred_damaged_versions_are_refused_or_harmless():
    found = run_model_files(seed=SEED, cycles=500)
    assert (found["wrong"], found["crashed"]) == (0, 0), found
    assert int(str(found["refused"])) > 400


def test_a_reader_that_compares_no_checksums_is_caught():
    found = run_model_files(seed=SEED, cycles=200, is_trusting=True)
    assert int(str(found["wrong"])) + int(str(found["crashed"])) > 0, found


def test_what_is_written_belongs_to_its_owner_alone(tmp_path: Path):
    folder = make_version(tmp_path)
    assert folder.stat().st_mode & 0o077 == 0
    assert {path.stat().st_mode & 0o077 for path in folder.iterdir()} == {0}


def test_a_linked_or_open_directory_is_refused(tmp_path: Path):
    folder = make_version(tmp_path)
    linked = folder.with_name("linked")
    linked.symlink_to(folder)
    with pytest.raises(ArtifactError):
        read_artifacts(linked)
    read_artifacts(folder)
    folder.chmod(0o770)
    with pytest.raises(ArtifactError, match="others than its owner"):
        read_artifacts(folder)


@pytest.fixture
def switching_threads() -> Iterator[None]:
    """Threads take turns in the middle of whatever makes objects, as they do by chance on a busy machine."""
    thresholds = gc.get_threshold()

    def let_others_go_on(*_: object) -> None:
        time.sleep(0)

    gc.set_threshold(5, 5, 5)
    gc.callbacks.append(let_others_go_on)
    yield
    gc.callbacks.remove(let_others_go_on)
    gc.set_threshold(*thresholds)


@pytest.mark.usefixtures("switching_threads")
def test_files_are_read_by_several_threads(tmp_path: Path):
    folder = write_artifacts(tmp_path, {f"array_{n}": np.arange(5.0) for n in range(40)}, {})
    for _ in range(10):  # without a lock around Python's parser more than half of them fail
        assert len(read_artifacts(folder, n_threads=8).arrays) == 40


@pytest.fixture
async def service(database_url: str, tmp_path: Path):
    async with started(database_url, tmp_path) as running:
        await running.rate(tastes())
        yield running


def damage(settings: Settings, version: int) -> Path:
    path = settings.models_dir / str(version) / "item_residuals.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    return path


async def test_the_old_version_goes_on_and_the_refusal_is_logged_and_visible_until_the_files_are_restored(
    service: Service, monkeypatch: pytest.MonkeyPatch
):
    first = await service.train()
    second = await service.train()
    intact = shutil.copytree(service.settings.models_dir / str(first), service.settings.data_dir / "copy")
    damage(service.settings, first)
    service.state.live.recent = {}
    monkeypatch.setattr(refreshing, "_TRY_AGAIN_SECONDS", 0.0)
    with service.store.write() as connection:
        versions.activate_version(connection, first, now=1)
    await service.until(lambda: service.state.live.refused_version == first)
    assert (await service.get("/health/ready"))["refused_version"] == first
    answer = await service.get("/users/u1/recommendations")
    assert (answer["model_version"], answer["strategy"]) == (second, "personal")
    shutil.copytree(intact, service.settings.models_dir / str(first), dirs_exist_ok=True)
    await service.until(lambda: service.served_version == first)
    assert (await service.get("/health/ready"))["refused_version"] is None


async def test_after_a_start_the_newest_sound_version_is_served_when_the_active_one_is_not(service: Service):
    first = await service.train()
    second = await service.train()
    damage(service.settings, second)
    live, store = LiveModel(), Store(service.settings.store_url)
    refresher = Refresher(store, service.settings, live)
    with pytest.raises(ArtifactError, match="checksum"):
        refresher.refresh()
    store.close()
    assert live.current is not None
    assert live.current.model.version == first
    assert live.refused_version == second


async def test_what_was_loaded_ahead_is_served_as_it_is_and_let_go(service: Service):
    version = await service.train()
    store = Store(service.settings.store_url)
    refresher = Refresher(store, service.settings, LiveModel())
    refresher.load_ahead()
    ahead = refresher.live.current
    assert ahead is not None
    assert ahead.model.version == version
    assert not refresher.refresh()
    assert refresher.live.current is ahead
    refresher.let_go()
    assert refresher.live.current is None
    assert refresher.refresh()
    store.close()


async def test_another_version_than_the_one_loaded_ahead_is_read_and_a_damaged_one_left_to_be_refused(service: Service):
    await service.train()
    store = Store(service.settings.store_url)
    refresher = Refresher(store, service.settings, LiveModel())
    refresher.load_ahead()
    second = await service.train()
    refresher.refresh()
    assert refresher.live.current is not None
    assert refresher.live.current.model.version == second
    damage(service.settings, second)
    anew = Refresher(store, service.settings, LiveModel())
    anew.load_ahead()
    assert anew.live.current is None
    with pytest.raises(ArtifactError, match="checksum"):
        anew.refresh()
    store.close()
