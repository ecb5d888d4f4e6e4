"""Going back to an older version, and what the worker does then."""

import threading

from app.services.status import read_status
from app.services.training.running import Progress, train_once
from app.worker.loop import Worker
from app.worker.trainer_process import TrainerProcess
from tests.service import Service, tastes


async def test_an_older_version_is_served_again_and_the_worker_waits_to_be_asked(trained: Service):
    before = await trained.get("/users/u1/recommendations", n=60)
    await trained.rate(tastes(seed=1))
    await trained.train()
    assert await trained.get("/users/u1/recommendations", n=60) != before
    answer = await trained.post("/models/1/activate", None)
    assert (answer["version"], answer["is_active"], answer["is_publishing_paused"]) == (1, True, True)
    await trained.until(lambda: trained.served_version == 1)
    assert (await trained.get("/models/active"))["version"] == 1
    await trained.rate(tastes(seed=2))
    settings = trained.settings.model_copy(update={"train_after_ratings": 1})
    worker = Worker(trained.store, settings, threading.Event(), TrainerProcess(trained.store, settings))
    assert worker._why_now() is None
    assert read_status(trained.store).is_publishing_paused
    assert (await trained.post("/models/2/activate", None))["is_publishing_paused"] is False
    assert worker._why_now() == "ratings"
    assert not read_status(trained.store).is_publishing_paused


async def test_a_training_that_is_asked_for_ends_the_pause(trained: Service):
    await trained.rate(tastes(seed=1))
    await trained.train()
    await trained.post("/models/1/activate", None)
    await trained.until(lambda: trained.served_version == 1)
    assert await trained.train() == 3
    await trained.post("/models/3/activate", None)
    assert (await trained.get("/models/active"))["version"] == 3


async def test_a_training_under_way_does_not_publish_over_a_rollback(trained: Service):
    await trained.rate(tastes(seed=1))
    await trained.train()

    def roll_back(progress: Progress) -> None:
        if progress.epoch is None:
            trained.state.overview.activate(1)

    run = train_once(trained.store, trained.settings, on_progress=roll_back)
    assert run is not None
    assert (run.status, run.reason) == ("refused", "an older version was activated while this training ran")
    assert [version["version"] for version in await trained.get("/models")] == [2, 1]
    assert (await trained.get("/models/active"))["version"] == 1
    assert sorted(path.name for path in trained.settings.models_dir.iterdir()) == ["1", "2"]


async def test_a_version_that_is_not_kept_or_is_damaged_is_not_activated(trained: Service):
    await trained.post("/models/9/activate", None, status=404)
    await trained.rate(tastes(seed=1))
    await trained.train()
    (trained.settings.models_dir / "1" / "item_residuals.npy").unlink()
    assert (await trained.post("/models/1/activate", None, status=503))["type"] == "urn:foldin:problem:model-unreadable"
    assert (await trained.get("/models/active"))["version"] == 2
