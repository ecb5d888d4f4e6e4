"""A release beside the next one, on one store and one folder of model versions, until only the next is left.

Under load, the older release's processes go on while the newer migrates the store, serve what the newer trained if
they can read it and what they had if not, and start again on the store that the newer has migrated.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from subprocess import Popen
from typing import Any

import httpx

from app.storage.engine import Store
from tests.chaos.replicas import Replica, ask, balance, until_ready
from tests.releases import Release
from tests.service import tastes

_CLIENTS = 2
_PAUSE_SECONDS = 0.05  # the processors are for those that start
_NAMES = ("older", "newer")
_HEADER = ("user_id", "item_id", "rating")
Served = dict[str, tuple[object, object]]  # by release the version that is served, and the one that was refused
_PATIENCE_SECONDS = 180.0
_SETTINGS = {
    "FOLDIN_N_FACTORS": "4",
    "FOLDIN_N_EPOCHS": "2",
    "FOLDIN_N_THREADS": "1",
    "FOLDIN_TRAIN_INTERVAL": "100000",
    "FOLDIN_TRAIN_AFTER_RATINGS": "1000000000",
    "FOLDIN_CURSOR_SECONDS": "0",
    "FOLDIN_READ_DEADLINE": "60",
    "FOLDIN_SILENCE_DEADLINE": "60",
}


async def run_upgrade(
    url: str, folder: Path, older: Release, newer: Release, *, contracts: bool = False, restarts_older: bool = True
) -> dict[str, Any]:
    """Go from one release to the next; one that renames a column at once, as the control, makes requests fail.

    Parameters
    ----------
    url : str
        An empty store that nobody has migrated.
    folder : Path
        Where model versions and logs lie.
    older, newer : Release
        Of which the second has the newer schema.
    contracts : bool
        Whether the newer one takes away at once what the older one needs.
    restarts_older : bool
        Whether the older one is started again on the store that the newer has migrated.

    Returns
    -------
    dict
        ``failed`` requests, ``lost`` ratings, and what was seen.
    """
    began, counts, done = time.monotonic(), Counter[str](), asyncio.Event()
    settings = _SETTINGS | {"FOLDIN_DATABASE_URL": url, "FOLDIN_DATA_DIR": str(folder)}
    (folder / "ratings.csv").write_text("".join(f"{','.join(map(str, row))}\n" for row in [_HEADER, *tastes()]))
    for command in (("migrate",), ("import", str(folder / "ratings.csv"))):
        await asyncio.to_thread(older.run, *command, settings=settings)
    replicas = [Replica(url, folder, _SETTINGS, release) for release in (older, newer)]
    old, new = replicas
    acknowledged: set[tuple[str, str]] = set()
    tasks = [asyncio.create_task(balance(replicas, done))]
    workers: list[Popen[bytes]] = []
    served: dict[str, Served] = {}
    try:
        old.start()
        await until_ready(old)
        tasks += [
            asyncio.create_task(ask(replicas, done, counts, n, acknowledged, _PAUSE_SECONDS)) for n in range(_CLIENTS)
        ]
        workers.append(_start_worker(older, settings, folder))
        await _train([old], asked=old)
        marked = settings | ({"FOLDIN_TEST_CONTRACTS": "yes"} if contracts else {})
        await asyncio.to_thread(newer.run, "migrate", settings=marked)
        await asyncio.sleep(1.0)
        if not contracts:
            new.start()
            await until_ready(new)
            served["the older's first version"] = await _served(replicas)
            served["the older's, trained beside"] = await _train(replicas, asked=new)
            await asyncio.to_thread(_stop, workers.pop())
            workers.append(_start_worker(newer, settings, folder))
            served["the newer's"] = await _train(replicas, asked=old)
            if restarts_older:
                await asyncio.to_thread(old.stop)
                old.is_ready = False
                old.start()
                await until_ready(old)
                await asyncio.sleep(0.5)
                served["after a restart"] = await _served(replicas)
            await asyncio.to_thread(old.stop)
            await asyncio.sleep(0.3)
    finally:
        done.set()
        await asyncio.gather(*tasks)
        for worker in workers:
            await asyncio.to_thread(_stop, worker)
        for replica in replicas:
            await asyncio.to_thread(replica.stop)
    lost = -1 if contracts else await _n_lost(url, acknowledged)
    return {
        "failed": counts["failed"] + counts["nobody_ready"],
        "lost": max(lost, 0),
        **{name: number for name, number in counts.items() if name.startswith(("answered", "version_", "failure"))},
        "acknowledged": len(acknowledged),
        "served": served,
        "seconds": round(time.monotonic() - began, 1),
    }


def _start_worker(release: Release, settings: Mapping[str, str], folder: Path) -> Popen[bytes]:
    return release.start("worker", settings=settings, log=folder / f"worker-{release.folder.name}.log")


def _stop(process: Popen[bytes]) -> None:
    process.terminate()
    process.wait(_PATIENCE_SECONDS)


async def _train(replicas: list[Replica], *, asked: Replica) -> Served:
    """Have the worker train that there is, and wait until each replica serves the version or has refused it."""
    async with httpx.AsyncClient(base_url=asked.address, timeout=_PATIENCE_SECONDS) as client:
        run = (await client.post("/training-runs", json={})).raise_for_status().json()
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while run["status"] in {"queued", "running"}:
                await asyncio.sleep(0.1)
                run = (await client.get(f"/training-runs/{run['id']}")).raise_for_status().json()
            assert run["status"] == "succeeded", run
            while not all(run["model_version"] in versions for versions in (await _served(replicas)).values()):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    return await _served(replicas)


async def _served(replicas: list[Replica]) -> Served:
    found = {}
    async with httpx.AsyncClient(timeout=_PATIENCE_SECONDS) as client:
        for replica, name in zip(replicas, _NAMES, strict=False):
            body = (await client.get(f"{replica.address}/health/ready")).json()
            found[name] = (body["model_version"], body["refused_version"])
    return found


async def _n_lost(url: str, acknowledged: set[tuple[str, str]]) -> int:
    store = Store(url)
    with store.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT user_id, item_id FROM ratings JOIN users USING (user_key) JOIN items USING (item_key)"
        )
        stored = {tuple(row) for row in rows}
    store.close()
    return len(acknowledged - stored)
