"""Which model version is served, and who may publish the next one."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from app.errors import SupersededError
from app.storage.schema import erasures, model_versions, publication
from app.storage.shipping import forget_shipped

CLOCK_SECONDS = 600.0
"""How far the clocks of machines that share a store may differ, before they take each other's lease for void."""


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


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to train and publish, until another trainer takes it."""

    generation: int
    holder: str


def take_lease(connection: Connection, holder: str, *, now: int, seconds: float) -> Lease | None:
    """Take the right to train, if nobody has it or its holder has fallen silent.

    Parameters
    ----------
    connection : Connection
        In a write transaction.
    holder : str
        Who asks.
    now : int
        Microseconds.
    seconds : float
        How long the lease lasts without being renewed.

    Returns
    -------
    Lease or None
        None while another trainer holds it.
    """
    expires_at = publication.c.lease_expires_at
    # one that runs out so late was taken by a clock that was ahead, and would keep everybody out until then
    free = expires_at.is_(None) | (expires_at < now) | (expires_at > now + round((seconds + CLOCK_SECONDS) * 1e6))
    taken = update(publication).where(free).values(generation=publication.c.generation + 1, lease_holder=holder)
    taken = taken.values(lease_expires_at=now + round(seconds * 1e6)).returning(publication.c.generation)
    generation: int | None = connection.execute(taken).scalar_one_or_none()
    return None if generation is None else Lease(generation, holder)


def renew_lease(connection: Connection, lease: Lease, *, now: int, seconds: float) -> None:
    """Show that the holder is alive.

    Parameters
    ----------
    connection : Connection
        In a write transaction.
    lease : Lease
        From ``take_lease``.
    now : int
        Microseconds.
    seconds : float
        How long it lasts from now on.

    Raises
    ------
    SupersededError
        If another trainer has taken over.
    """
    _change_as_holder(connection, lease, lease_expires_at=now + round(seconds * 1e6))


def release_lease(connection: Connection, lease: Lease) -> None:
    """Let the next trainer begin at once; harmless when the lease is already lost.

    Parameters
    ----------
    connection : Connection
        In a write transaction.
    lease : Lease
        From ``take_lease``.
    """
    held = update(publication).where(publication.c.generation == lease.generation)
    connection.execute(held.values(lease_expires_at=None, lease_holder=None))


def find_lease(connection: Connection, holder: str) -> Lease | None:
    """Look for the lease of a holder that cannot speak for itself.

    Parameters
    ----------
    connection : Connection
        To read from.
    holder : str
        As it was taken.

    Returns
    -------
    Lease or None
        None when somebody else has it, or nobody.
    """
    held = select(publication.c.generation).where(publication.c.lease_holder == holder)
    generation: int | None = connection.execute(held).scalar_one_or_none()
    return None if generation is None else Lease(generation, holder)


def lease_holder(connection: Connection, *, now: int) -> str | None:
    """Say who is training.

    Parameters
    ----------
    connection : Connection
        To read from.
    now : int
        Microseconds.

    Returns
    -------
    str or None
        None when nobody is.
    """
    live = publication.c.lease_expires_at >= now
    holder: str | None = connection.execute(select(publication.c.lease_holder).where(live)).scalar_one_or_none()
    return holder


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
    _change_as_holder(connection, lease, lease_holder=lease.holder)  # locks the row until the commit
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


def _change_as_holder(connection: Connection, lease: Lease, **values: object) -> None:
    held = update(publication).where(publication.c.generation == lease.generation)
    if connection.execute(held.values(**values)).rowcount == 0:
        raise SupersededError("another trainer has taken over while this one was silent")
