"""The right to train while a run is under way: taken with the run, renewed from a thread, cleared after a death."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import StoreUnavailableError, SupersededError
from app.services.clock import now_microseconds
from app.storage import leases, training_runs
from app.storage.engine import Store
from app.storage.leases import Lease
from app.storage.training_runs import TrainingRun

LEASE_SECONDS = 30.0
_RENEW_SECONDS = 5.0


def holder_name(process_id: int) -> str:
    """Name a process of this machine in the lease.

    Parameters
    ----------
    process_id : int
        The trainer's.

    Returns
    -------
    str
        Machine and process.
    """
    return f"{socket.gethostname()}:{process_id}"


def begin_run(store: Store) -> tuple[Lease, int] | None:
    """Take the lease for this process, and start the waiting run or a new one.

    Parameters
    ----------
    store : Store
        Where both are kept.

    Returns
    -------
    tuple of Lease and int, or None
        The lease and the run's id; None when another trainer is at work.
    """
    with store.write() as connection:
        now = now_microseconds()
        lease = leases.take_lease(connection, holder_name(os.getpid()), now=now, seconds=LEASE_SECONDS)
        return None if lease is None else (lease, training_runs.start_run(connection, now=now))


@contextmanager
def renewed(store: Store, lease: Lease) -> Iterator[threading.Event]:
    """Keep a lease alive from a thread while the block runs.

    Parameters
    ----------
    store : Store
        Where it is kept.
    lease : Lease
        From ``begin_run``.

    Yields
    ------
    threading.Event
        Set when another trainer has taken over.
    """
    done, is_superseded = threading.Event(), threading.Event()

    def renew() -> None:
        while not done.wait(_RENEW_SECONDS):
            try:
                with store.write() as connection:
                    leases.renew_lease(connection, lease, now=now_microseconds(), seconds=LEASE_SECONDS)
            except SupersededError:
                is_superseded.set()
                return
            except StoreUnavailableError:
                continue  # whoever takes over meanwhile is noticed at the next renewal, or when publishing

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield is_superseded
    finally:
        done.set()
        thread.join()


def end_dead_run(store: Store, holder: str, reason: str) -> TrainingRun | None:
    """Record the run of a trainer that died as failed, and let the next one begin at once.

    Parameters
    ----------
    store : Store
        Where it is kept.
    holder : str
        ``holder_name`` of the dead process.
    reason : str
        What it died of, for people.

    Returns
    -------
    TrainingRun or None
        The failed run, made here when the process died before it could; None when it had finished, or another trainer
        is at work.
    """
    with store.write() as connection:
        now = now_microseconds()
        lease = leases.find_lease(connection, holder)
        if lease is not None:
            running = training_runs.list_runs(connection, limit=1, status="running")
            run_id = running[0].id if running else None
        else:
            lease = leases.take_lease(connection, holder, now=now, seconds=LEASE_SECONDS)
            run_id = None if lease is None else training_runs.start_run(connection, now=now)
        if lease is not None:
            leases.release_lease(connection, lease)
        if run_id is None:
            return None
        training_runs.record_run(connection, run_id, status="failed", reason=reason, finished_at=now)
        return training_runs.find_run(connection, run_id)
