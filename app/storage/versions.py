"""Which model version is served, and which are kept."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from app.storage.leases import Lease, change_as_holder
from app.storage.schema import erasures, model_versions, publication
from app.storage.shipping import forget_shipped


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A published version; ``created_at`` in microseconds, ``description`` as in its manifest.

    ``retired_at`` is when another took over, None while it is served.
    """

    version: int
    training_run_id: int
    created_at: int
    description: dict[str, Any]
    retired_at: int | None


def add_version(
    connection: Connection, lease: Lease, *, training_run_id: int, description: dict[str, Any], now: int
) -> int:
    """Give a new version its number; it is not served yet.

    Parameters
    ----------
    connection : Connection
        In the transaction that also activates it.
    lease : Lease
        The right to publish.
    training_run_id : int
        Where it came from.
    description : dict
        JSON.
    now : int
        Microseconds.

    Returns
    -------
    int
        The version.

    Raises
    ------
    SupersededError
        If another trainer has taken over.
    """
    change_as_holder(connection, lease, lease_holder=lease.holder)  # locks the row until the commit
    row = {"training_run_id": training_run_id, "created_at": now, "description": description}
    return int(connection.execute(insert(model_versions).values(row).returning(model_versions.c.version)).scalar_one())


def activate_version(connection: Connection, version: int, *, now: int) -> None:
    """Serve a version from now on.

    Parameters
    ----------
    connection : Connection
        In a write transaction.
    version : int
        One whose files are in place.
    now : int
        Microseconds.
    """
    before = active_version(connection)
    connection.execute(update(model_versions).where(model_versions.c.version == before).values(retired_at=now))
    connection.execute(update(model_versions).where(model_versions.c.version == version).values(retired_at=None))
    connection.execute(update(publication).values(active_version=version))


def set_paused(connection: Connection, *, is_paused: bool) -> None:
    """Stop the worker from training and publishing by itself, or let it again.

    Parameters
    ----------
    connection : Connection
        In a write transaction.
    is_paused : bool
        Whether it has to wait for being asked.
    """
    connection.execute(update(publication).values(is_paused=is_paused))


def is_paused(connection: Connection) -> bool:
    """Say whether the worker trains and publishes only when it is asked to.

    Parameters
    ----------
    connection : Connection
        To read from.

    Returns
    -------
    bool
        True after a rollback.
    """
    return bool(connection.execute(select(publication.c.is_paused)).scalar_one())


def complete_erasures(connection: Connection, erasure_ids: list[int], version: int) -> None:
    """Note the first version that was trained without some erased users.

    Parameters
    ----------
    connection : Connection
        In the transaction that publishes the version.
    erasure_ids : list of int
        ``TrainingData.pending_erasures`` of that training.
    version : int
        The version.
    """
    if erasure_ids:
        pending = erasures.c.id.in_(erasure_ids) & erasures.c.without_version.is_(None)
        connection.execute(update(erasures).where(pending).values(without_version=version))


def active_version(connection: Connection) -> int | None:
    """Say which version is served.

    Parameters
    ----------
    connection : Connection
        To read from.

    Returns
    -------
    int or None
        None before the first.
    """
    version: int | None = connection.execute(select(publication.c.active_version)).scalar_one()
    return version


def find_version(connection: Connection, version: int) -> ModelVersion | None:
    """Read one version.

    Parameters
    ----------
    connection : Connection
        To read from.
    version : int
        Which.

    Returns
    -------
    ModelVersion or None
        None when it does not exist (any more).
    """
    row = connection.execute(select(model_versions).where(model_versions.c.version == version)).mappings().one_or_none()
    return ModelVersion(**row) if row else None


def list_versions(connection: Connection) -> list[ModelVersion]:
    """Read the versions that are kept.

    Parameters
    ----------
    connection : Connection
        To read from.

    Returns
    -------
    list of ModelVersion
        The newest first.
    """
    listing = select(model_versions).order_by(model_versions.c.version.desc())
    return [ModelVersion(**row) for row in connection.execute(listing).mappings()]


def forget_versions(connection: Connection, *, keep: int, retired_before: int) -> list[int]:
    """Drop the oldest versions, never the active one, and none that a cursor in use may name.

    Parameters
    ----------
    connection : Connection
        In a write transaction.
    keep : int
        How many stay at least, the active one included.
    retired_before : int
        Versions that were served later than that stay; microseconds.

    Returns
    -------
    list of int
        Versions whose files may go.
    """
    active = active_version(connection)
    others = [entry for entry in list_versions(connection) if entry.version != active][max(keep - 1, 0) :]
    old = [entry.version for entry in others if (entry.retired_at or 0) < retired_before]
    connection.execute(delete(model_versions).where(model_versions.c.version.in_(old)))
    forget_shipped(connection, old)
    return old
