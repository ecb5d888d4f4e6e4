"""Trainers that race, fall asleep holding the right to publish, and have clocks that jump: nobody publishes twice.

Each trainer is a process. It takes the lease by its own idea of the time, may be stopped by SIGSTOP before it
publishes, and then tries to publish what it has. Stopped ones wake up in any order, some when others have published
long since.
"""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from unittest.mock import patch

from app.errors import StoreUnavailableError, SupersededError
from app.storage import leases, versions
from app.storage.engine import Store

_SECONDS = 30.0
_PUBLISHED, _SUPERSEDED, _NOT_MINE, _BUSY = 10, 11, 12, 13


def run_races(url: str, *, seed: int, cycles: int, is_unfenced: bool = False) -> dict[str, object]:
    """Let three trainers race in each cycle; the control has no fence, so sleepers publish over their successors."""
    rng, started, counts = random.Random(seed), time.monotonic(), Counter[int]()
    for cycle in range(cycles):
        sleepers = []
        for trainer in range(3):
            now = 1_000_000_000_000_000 + cycle * 10_000_000 + _clock_jump(rng)
            is_sleeper = rng.random() < 0.5
            child = os.fork()
            if child == 0:
                os._exit(_train(url, f"trainer {cycle}.{trainer}", now, is_sleeper, is_unfenced, rng.random()))
            if is_sleeper:
                sleepers.append(child)
            else:
                counts[_wait(child)] += 1
        rng.shuffle(sleepers)
        for child in sleepers:
            _, status = os.waitpid(child, os.WUNTRACED)
            if os.WIFSTOPPED(status):
                os.kill(child, signal.SIGCONT)
                counts[_wait(child)] += 1
            else:
                counts[os.waitstatus_to_exitcode(status)] += 1
    store = Store(url)
    with store.read() as connection:
        generations = [version.description["generation"] for version in reversed(versions.list_versions(connection))]
        active = versions.active_version(connection)
        newest = versions.list_versions(connection)[0].version
    store.close()
    known = (_PUBLISHED, _SUPERSEDED, _NOT_MINE, _BUSY)
    return {
        "doubled": sum(later <= earlier for earlier, later in pairwise(generations)),
        "lost": int(counts[_PUBLISHED] != len(generations)) + int(active != newest),
        "crashed": sum(number for code, number in counts.items() if code not in known),
        "published": counts[_PUBLISHED],
        "superseded": counts[_SUPERSEDED],
        "kept_out": counts[_NOT_MINE],
        "cycles": cycles,
        "seconds": round(time.monotonic() - started, 1),
    }


def _clock_jump(rng: random.Random) -> int:
    return rng.choice([0, 0, rng.randrange(-3600, 3600), 86_400, -86_400]) * 1_000_000


def _wait(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _train(url: str, holder: str, now: int, is_sleeper: bool, is_unfenced: bool, pause: float) -> int:
    store = Store(url)
    try:
        with store.write() as connection:
            lease = leases.take_lease(connection, holder, now=now, seconds=_SECONDS)
        if lease is None:
            return _NOT_MINE
        if is_sleeper:
            os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(pause * 0.005)
        with _without_fence(is_unfenced), store.write() as connection:
            description = {"generation": lease.generation}
            version = versions.add_version(connection, lease, training_run_id=1, description=description, now=now)
            versions.activate_version(connection, version, now=now)
        with store.write() as connection:
            leases.release_lease(connection, lease)
    except SupersededError:
        return _SUPERSEDED
    except StoreUnavailableError:
        return _BUSY
    else:
        return _PUBLISHED
    finally:
        store.close()


@contextmanager
def _without_fence(is_unfenced: bool) -> Iterator[None]:
    if is_unfenced:
        with patch.object(versions, "change_as_holder", lambda *_, **__: None):
            yield
    else:
        yield
