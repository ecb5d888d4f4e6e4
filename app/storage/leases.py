"""Who may train and publish: a lease whose generation rises with every holder."""

from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from app.errors import SupersededError
from app.storage.schema import publication

CLOCK_SECONDS = 600.0
"""How far the clocks of machines that share a store may differ, before they take each other's lease for void."""


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
    change_as_holder(connection, lease, lease_expires_at=now + round(seconds * 1e6))


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


def change_as_holder(connection: Connection, lease: Lease, **values: object) -> None:
    """Change the publication row, which stays locked until the transaction ends, if the lease is still good.

    Parameters
    ----------
    connection : Connection
        In a write transaction.
    lease : Lease
        From ``take_lease``.
    **values : object
        Columns of the row.

    Raises
    ------
    SupersededError
        If another trainer has taken over.
    """
    held = update(publication).where(publication.c.generation == lease.generation)
    if connection.execute(held.values(**values)).rowcount == 0:
        raise SupersededError("another trainer has taken over while this one was silent")
