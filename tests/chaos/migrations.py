"""Many replicas that start at once on an empty store: each migrates, or waits for whoever does."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from sqlalchemy import text

from app.storage import migrate as migrating
from app.storage.engine import Store


def run_migrations(
    new_url: Callable[[], str], *, cycles: int, n_replicas: int = 8, is_unlocked: bool = False
) -> dict[str, object]:
    """Start replicas together, again and again; without the lock that keeps them in line, as the control, some fail."""
    started, failed = time.monotonic(), 0
    for _ in range(cycles):
        url = new_url()
        ready, go = os.pipe()
        children = []
        for _ in range(n_replicas):
            child = os.fork()
            if child == 0:
                os.close(go)
                os.read(ready, 1)  # until the parent lets go
                os._exit(_migrate(url, is_unlocked))
            children.append(child)
        os.close(ready)
        os.close(go)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        failed += sum(code != 0 for code in codes) + _is_incomplete(url)
    return {
        "failed": failed,
        "cycles": cycles,
        "replicas": n_replicas,
        "seconds": round(time.monotonic() - started, 1),
    }


def _migrate(url: str, is_unlocked: bool) -> int:
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 2)
    try:
        with _without_lock(is_unlocked):
            migrating.migrate(url)
    except Exception:  # noqa: BLE001 - counted
        return 1
    return 0


def _is_incomplete(url: str) -> int:
    store = Store(url)
    try:
        with store.read() as connection:
            return int(connection.execute(text("SELECT count(*) FROM publication")).scalar_one() != 1)
    except Exception:  # noqa: BLE001 - counted
        return 1
    finally:
        store.close()


@contextmanager
def _without_lock(is_unlocked: bool) -> Iterator[None]:
    if is_unlocked:
        nothing = "SELECT CAST(:key AS bigint)"
        with patch.object(migrating, "text", lambda given: text(nothing if "advisory" in given else given)):
            yield
    else:
        yield
