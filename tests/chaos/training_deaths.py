"""Trainings that die of one thing after another beside an API process under load, which must notice nothing.

The worker is real; its trainer is one that is killed, eats all memory it may have, hangs, crashes or fails, in turn.
"""

import asyncio
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import psutil

from app.config import Settings
from app.storage import training_runs
from app.storage.engine import Store
from app.worker import trainer_process
from app.worker.trainer_process import TrainerProcess
from tests.chaos.replicas import Replica, ask, balance, prepare, until_ready

WAYS = {"die": "was killed", "eat": "MiB of memory", "hang": "took longer", "crash": "Segmentation", "fail": "poison"}
_CLIENTS = 3
_PAUSE_SECONDS = 0.01
_PATIENCE_SECONDS = 180.0
_LIMITS: dict[str, dict[str, float]] = {"eat": {"train_memory_mib": 600}, "hang": {"train_deadline": 1.0}}


async def run_training_deaths(url: str, folder: Path, *, cycles: int, kills_api: bool = False) -> dict[str, object]:
    """Let trainings die; where the death is the API process's own, as the control, requests fail.

    Parameters
    ----------
    url : str
        A migrated, empty store.
    folder : Path
        Where model versions and logs lie.
    cycles : int
        How often each way of dying comes.
    kills_api : bool
        Whether the API process is killed, too, as if it had trained itself.

    Returns
    -------
    dict
        ``failed`` requests, and ``wrong``: trainings that were recorded with another reason.
    """
    began, counts, done = time.monotonic(), Counter[str](), asyncio.Event()
    prepare(url, folder, n_versions=1)
    replica = Replica(url, folder, {"FOLDIN_DRAIN_DELAY": "0"})
    reasons: list[str] = []
    ways = {"die": WAYS["die"]} if kills_api else WAYS  # one is enough for the control
    tasks: list[asyncio.Task[None]] = [asyncio.create_task(balance([replica], done))]
    try:
        replica.start()
        await until_ready(replica)
        tasks += [
            asyncio.create_task(ask([replica], done, counts, n, pause_seconds=_PAUSE_SECONDS)) for n in range(_CLIENTS)
        ]
        for _ in range(cycles):
            for way in ways:
                reasons.append(await asyncio.to_thread(_train, url, folder, way))
                if kills_api:
                    _kill_api(replica)
                    await _until(lambda: counts["failed"] + counts["nobody_ready"] > 0)
        found = (counts["failed"], counts["nobody_ready"])
    finally:
        done.set()
        await asyncio.gather(*tasks)
        await asyncio.to_thread(replica.stop)
    expected = [words for _ in range(cycles) for words in ways.values()]
    return {
        "failed": sum(found),
        "wrong": sum(words not in reason for words, reason in zip(expected, reasons, strict=True)),
        "answered": counts["answered"],
        "deaths": len(reasons),
        "reasons": sorted(set(reasons)),
        "seconds": round(time.monotonic() - began, 1),
    }


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not is_so():  # noqa: ASYNC110 - what changes tells nobody
            await asyncio.sleep(0.02)


def _train(url: str, folder: Path, way: str) -> str:
    settings = Settings(database_url=url, data_dir=folder, n_factors=4, n_epochs=2, n_threads=1)
    store = Store(url)
    with store.write() as connection:
        training_runs.request_run(connection, now=1)
    process = TrainerProcess(store, settings.model_copy(update=_LIMITS.get(way, {})))
    process.command = [sys.executable, "-m", "tests.chaos.bad_trainer", way]
    try:
        with patch.object(trainer_process, "monotonic", lambda: _training_seconds(store)):
            run = process.train(threading.Event())
    finally:
        process.close()
        store.close()
    return "nobody trained" if run is None else str(run.reason)


def _training_seconds(store: Store) -> float:
    """A clock that stands still while the trainer starts, however long that takes."""
    with store.read() as connection:
        running = training_runs.list_runs(connection, limit=1, status="running")
    return time.time() - running[0].started_at / 1e6 if running and running[0].started_at else 0.0


def _kill_api(replica: Replica) -> None:
    assert replica.process is not None
    for child in psutil.Process(replica.process.pid).children():
        child.send_signal(signal.SIGKILL)
