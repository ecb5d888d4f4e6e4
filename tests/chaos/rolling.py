"""Two replicas restarted in turn under load; halfway the active version becomes one for newer releases only.

The balancer looks less often than the replicas' delay is long, as it does when its machine is busy: so it goes on
sending requests to a replica that has been told to end, for longer than that delay.
"""

import asyncio
import time
from collections import Counter
from pathlib import Path

import orjson

from tests.chaos.replicas import Replica, ask, balance, prepare, until_ready

_CLIENTS = 3
_POLL_SECONDS = 1.5
_PAUSE_SECONDS = 0.01


async def run_rolling(url: str, folder: Path, *, cycles: int, is_abrupt: bool = False) -> dict[str, object]:
    """Restart; without time for the balancer to notice, as the control, requests are lost."""
    began, counts, done = time.monotonic(), Counter[str](), asyncio.Event()
    newest = prepare(url, folder, n_versions=2)[-1]
    settings = {"FOLDIN_DRAIN_DELAY": "0" if is_abrupt else "1"}
    replicas = [Replica(url, folder, settings, poll_seconds=_POLL_SECONDS) for _ in range(2)]
    longest = 0.0
    tasks = [asyncio.create_task(balance(replicas, done))]
    try:
        for replica in replicas:
            replica.start()
            await until_ready(replica)
        tasks += [
            asyncio.create_task(ask(replicas, done, counts, number, pause_seconds=_PAUSE_SECONDS))
            for number in range(_CLIENTS)
        ]
        for cycle in range(cycles):
            if cycle == cycles // 2:
                _make_newer(folder / "models" / str(newest))
            replica = replicas[cycle % 2]
            longest = max(longest, await asyncio.to_thread(replica.stop))
            replica.is_ready = False
            replica.start()
            await until_ready(replica)
            await asyncio.sleep(0.3)  # so that it is asked, too
    finally:
        done.set()
        await asyncio.gather(*tasks)
        for replica in replicas:
            await asyncio.to_thread(replica.stop)
    versions = {name: number for name, number in counts.items() if name.startswith("version_")}
    return {
        "failed": counts["failed"] + counts["nobody_ready"],
        "answered": counts["answered"],
        **versions,
        **{name: number for name, number in counts.items() if name.startswith("failure")},
        "longest_drain_seconds": round(longest, 2),
        "cycles": cycles,
        "seconds": round(time.monotonic() - began, 1),
    }


def _make_newer(folder: Path) -> None:
    path = folder / "manifest.json"
    manifest = orjson.loads(path.read_bytes()) | {"format": 99}
    replacement = path.with_suffix(".new")
    replacement.write_bytes(orjson.dumps(manifest))
    replacement.replace(path)
