"""The record of each training: asked for, under way with its epochs, and how it ended."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, insert, select, update

from app.storage.schema import training_runs


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """One training; times in microseconds."""

    id: int
    status: str
    reason: str | None
    requested_at: int
    started_at: int | None
    finished_at: int | None
    n_ratings: int | None
    n_users: int | None
    n_items: int | None
    load_seconds: float | None
    epochs: list[dict[str, Any]] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    model_version: int | None = None
    n_changes: int | None = None


def request_run(connection: Connection, *, now: int) -> int:
    """Ask for a training, unless one already waits.

    Parameters
    ----------
    connection : Connection
        In a write transaction.
    now : int
        Microseconds.

    Returns
    -------
    int
        The id of the waiting run.
    """
    waiting = select(training_runs.c.id).where(training_runs.c.status == "queued").order_by(training_runs.c.id).limit(1)
    queued: int | None = connection.execute(waiting).scalar_one_or_none()
    if queued is not None:
        return queued
    added = insert(training_runs).values(status="queued", requested_at=now).returning(training_runs.c.id)
    return int(connection.execute(added).scalar_one())


def start_run(connection: Connection, *, now: int) -> int:
    """Start the waiting run, or a new one, and close those that a dead trainer left running.

    Parameters
    ----------
    connection : Connection
        In the write transaction that takes the lease.
    now : int
        Microseconds.

    Returns
    -------
    int
        The id of the running run.
    """
    abandoned = update(training_runs).where(training_runs.c.status == "running")
    connection.execute(
        abandoned.values(status="failed", finished_at=now, reason="the trainer stopped before it finished")
    )
    run_id = request_run(connection, now=now)
    record_run(connection, run_id, status="running", started_at=now)
    return run_id


def record_run(connection: Connection, run_id: int, **values: object) -> None:
    """Note what is known of a run.

    Parameters
    ----------
    connection : Connection
        In a write transaction.
    run_id : int
        Which run.
    **values : object
        Columns of ``training_runs``.
    """
    connection.execute(update(training_runs).where(training_runs.c.id == run_id).values(**values))


def find_run(connection: Connection, run_id: int) -> TrainingRun | None:
    """Read one run.

    Parameters
    ----------
    connection : Connection
        To read from.
    run_id : int
        Which.

    Returns
    -------
    TrainingRun or None
        None when there is none.
    """
    row = connection.execute(select(training_runs).where(training_runs.c.id == run_id)).mappings().one_or_none()
    return TrainingRun(**row) if row else None


def list_runs(connection: Connection, *, limit: int, status: str | None = None) -> list[TrainingRun]:
    """Read the latest runs.

    Parameters
    ----------
    connection : Connection
        To read from.
    limit : int
        How many at most.
    status : str, optional
        Only those in this state.

    Returns
    -------
    list of TrainingRun
        The newest first.
    """
    listing = select(training_runs).order_by(training_runs.c.id.desc()).limit(limit)
    if status is not None:
        listing = listing.where(training_runs.c.status == status)
    return [TrainingRun(**row) for row in connection.execute(listing).mappings()]
