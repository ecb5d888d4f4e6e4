"""The state of an installation at a glance: what it holds, what it serves, how its trainings went."""

from dataclasses import dataclass

from app.services.clock import now_microseconds
from app.storage import leases, training_runs, versions
from app.storage.counting import StoreCounts, count_rows
from app.storage.engine import Store
from app.storage.training_runs import TrainingRun
from app.storage.versions import ModelVersion

_N_RUNS = 5


@dataclass(frozen=True, slots=True)
class Status:
    """What ``foldin status`` shows.

    Attributes
    ----------
    store : str
        The store's address, without its password.
    counts : StoreCounts
        What it holds.
    active : ModelVersion or None
        What is served.
    active_age_seconds : float or None
        How long ago that version was published.
    is_publishing_paused : bool
        Whether an older version was activated, so that no training begins by itself.
    trainer : str or None
        Who holds the right to train at this moment.
    runs : list of TrainingRun
        The latest, the newest first.
    """

    store: str
    counts: StoreCounts
    active: ModelVersion | None
    active_age_seconds: float | None
    is_publishing_paused: bool
    trainer: str | None
    runs: list[TrainingRun]


def read_status(store: Store) -> Status:
    """Look around in a store.

    Parameters
    ----------
    store : Store
        Migrated.

    Returns
    -------
    Status
        As it is now.
    """
    now = now_microseconds()
    with store.read() as connection:
        number = versions.active_version(connection)
        active = None if number is None else versions.find_version(connection, number)
        return Status(
            store.url.set(drivername=store.url.get_backend_name()).render_as_string(hide_password=True),
            count_rows(connection),
            active,
            None if active is None else max(0, now - active.created_at) / 1e6,
            versions.is_paused(connection),
            leases.lease_holder(connection, now=now),
            training_runs.list_runs(connection, limit=_N_RUNS),
        )
