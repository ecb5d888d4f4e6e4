"""Models swapped under closed-loop load: each answer is all of one version.

A version's number stands in the titles of its items, and its mean user is its own. The application runs in this
process, so that a swap made wrongly on purpose can be the control. What swaps add to the time of answers is seen beside
as many versions that are published and never served.
"""

import asyncio
import random
import time
from collections import Counter, defaultdict
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from app import main
from app.services.training.publishing import publish
from app.services.training.training_lease import begin_run
from app.serving.live import LiveModel
from app.serving.snapshot import Snapshot
from app.serving.strings import StringTable
from app.storage import leases, versions
from app.storage.artifacts import read_artifacts
from tests.service import Service, started, tastes

_CLIENTS = 4
_FEWEST_MEASURED = 50  # swaps; fewer say nothing about what a hundredth of the answers take


async def run_swaps(url: str, folder: Path, *, seed: int, cycles: int, is_torn: bool = False) -> dict[str, object]:
    """Publish version after version; the torn swap of the control changes what is served piece by piece."""
    began, rng = time.monotonic(), random.Random(seed)
    with ExitStack() as patched:
        patched.enter_context(patch.object(main, "REFRESH_SECONDS", 0.005))
        if is_torn:
            patched.enter_context(patch.object(LiveModel, "swap", _torn_swap))
        async with started(url, folder, keep_versions=2, cursor_seconds=0) as service:
            await service.rate(tastes())
            await service.describe((f"i{n:02}", "untitled", []) for n in range(60))
            first = await service.train()
            answers: dict[int, set[bytes]] = defaultdict(set)
            counts, done = Counter[str](), asyncio.Event()
            seconds: list[float] = []
            clients = [asyncio.create_task(_ask(service, done, answers, counts, seconds)) for _ in range(_CLIENTS)]
            n_measured = cycles if cycles >= _FEWEST_MEASURED else 0
            with patch.object(versions, "activate_version"):  # all the work of publishing, and no swap
                for number in range(n_measured):
                    await asyncio.to_thread(publish_coded, service, first, rng.random() + 0.5)
                    await asyncio.sleep(_pause_seconds(number))
            n_without = len(seconds)
            for number in range(cycles):
                version = await asyncio.to_thread(publish_coded, service, first, rng.random() + 0.5)
                await service.until(lambda version=version: service.served_version == version)
                counts["swaps"] += 1
                await asyncio.sleep(_pause_seconds(number))
            done.set()
            await asyncio.gather(*clients)
    measured: dict[str, object] = {}
    if n_measured:
        without, beside = (1000 * float(np.quantile(part, 0.99)) for part in (seconds[:n_without], seconds[n_without:]))
        measured = {"p99_milliseconds": round(beside, 2), "p99_milliseconds_without_swaps": round(without, 2)}
        measured["p99_ratio"] = round(beside / without, 2)
    return {
        "failed": counts["failed"],
        "mixed": counts["mixed"] + sum(len(contents) - 1 for contents in answers.values()),
        "answers": counts["answers"],
        "versions_seen": len(answers),
        **measured,
        "cycles": counts["swaps"],
        "seconds": round(time.monotonic() - began, 1),
    }


def _pause_seconds(number: int) -> float:
    return 0.01 if number % 10 else 0.05


async def _ask(
    service: Service, done: asyncio.Event, answers: dict[int, set[bytes]], counts: Counter[str], seconds: list[float]
) -> None:
    while not done.is_set():
        asked_at = time.monotonic()
        response = await service.client.get("/users/u3/recommendations", params={"n": 60, "exclude_rated": False})
        seconds.append(time.monotonic() - asked_at)
        counts["answers"] += 1
        if response.status_code != 200:
            counts["failed"] += 1
            continue
        body = response.json()
        version = body["model_version"]
        answers[version].add(repr([(item["item_id"], item["score"]) for item in body["items"]]).encode())
        titles = {item["title"] for item in body["items"]}
        counts["mixed"] += len(titles) > 1 or (version > 1 and titles != {f"version {version}"})
        await asyncio.sleep(0)


def publish_coded(service: Service, first: int, scale: float) -> int:
    """Publish the active version, or the first, once more: its titles tell its number, and its mean user is scaled."""
    settings, store = service.settings, service.store
    begun = begin_run(store)
    assert begun is not None
    lease, run_id = begun
    with store.read() as connection:
        kept = versions.active_version(connection) or first
    files = read_artifacts(settings.models_dir / str(kept))
    arrays: dict[str, Any] = dict(files.arrays)
    with store.read() as connection:
        newest = versions.list_versions(connection)[0].version
    titles = StringTable.of([f"version {newest + 1}"] * len(arrays["item_keys"]))
    arrays |= {"titles_text": titles.text, "titles_offsets": titles.offsets}
    arrays["mean_user"] = arrays["mean_user"] * np.float32(scale)
    published = publish(
        store,
        settings,
        lease,
        run_id,
        arrays=arrays,
        description=files.description,
        erasure_ids=[],
        despite_pause=True,
    )
    with store.write() as connection:
        leases.release_lease(connection, lease)
    assert published == newest + 1, "versions are numbered one after the other while nothing fails"
    return published


def _torn_swap(self: LiveModel, snapshot: Snapshot) -> None:
    held = self.current
    if held is None:
        self.current = snapshot
        return
    new = snapshot.model
    halfway = replace(held.model, items=new.items)
    for model in (halfway, replace(halfway, version=new.version), new):
        object.__setattr__(held, "model", model)
        time.sleep(0.01)
