"""Rows of files that cannot be accepted: told of and passed over, or where an import stops."""

from collections.abc import Callable
from typing import NamedTuple


class BadRowError(Exception):
    """A row that cannot be accepted.

    Parameters
    ----------
    line : int
        The first line of the file is 1.
    reason : str
        What is wrong with it.
    """

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


class BadRow(NamedTuple):
    """A row that was passed over: its line, what is wrong with it, what it says, and the name of the file it is in."""

    line: int
    reason: str
    text: str
    file: str = ""


OnBadRow = Callable[[BadRow], None]


def refuse(bad: BadRow, on_bad_row: OnBadRow | None) -> None:
    """Tell of a bad row, or stop at it.

    Parameters
    ----------
    bad : BadRow
        Which.
    on_bad_row : callable or None
        Whom to tell.

    Raises
    ------
    BadRowError
        If there is nobody to tell.
    """
    if on_bad_row is None:
        raise BadRowError(bad.line, bad.reason)
    on_bad_row(bad)
