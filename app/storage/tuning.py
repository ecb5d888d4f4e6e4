"""What the last tuning of each method found, for the next training to use."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from app.storage.schema import tuned_hyperparameters


@dataclass(frozen=True, slots=True)
class Tuned:
    """The best that a search found.

    Attributes
    ----------
    method : str
        What was tuned.
    tuned_at : int
        Microseconds.
    hyperparameters : dict
        Those that were searched.
    report : dict
        How good they were on what ratings, and the curve of the unobserved weight.
    """

    method: str
    tuned_at: int
    hyperparameters: dict[str, Any]
    report: dict[str, Any]


def store_tuned(connection: Connection, tuned: Tuned) -> None:
    """Remember what a search found, in place of what an earlier one did.

    Parameters
    ----------
    connection : Connection
        In a write transaction.
    tuned : Tuned
        The winner.
    """
    connection.execute(delete(tuned_hyperparameters).where(tuned_hyperparameters.c.method == tuned.method))
    connection.execute(
        insert(tuned_hyperparameters).values(
            method=tuned.method,
            tuned_at=tuned.tuned_at,
            hyperparameters=tuned.hyperparameters,
            report=tuned.report,
        )
    )


def find_tuned(connection: Connection, method: str) -> Tuned | None:
    """Read what the last search found.

    Parameters
    ----------
    connection : Connection
        To read from.
    method : str
        Of which method.

    Returns
    -------
    Tuned or None
        None when it was never tuned.
    """
    found = select(tuned_hyperparameters).where(tuned_hyperparameters.c.method == method)
    row = connection.execute(found).mappings().one_or_none()
    return Tuned(**row) if row else None


def forget_tuned(connection: Connection, method: str) -> bool:
    """Go back to the defaults.

    Parameters
    ----------
    connection : Connection
        In a write transaction.
    method : str
        Of which method.

    Returns
    -------
    bool
        Whether there was something to forget.
    """
    gone = delete(tuned_hyperparameters).where(tuned_hyperparameters.c.method == method)
    return connection.execute(gone).rowcount > 0
