"""The time, as the store keeps it."""

import time
from datetime import UTC, datetime


def now_microseconds() -> int:
    """Read the clock.

    Returns
    -------
    int
        Microseconds since 1970.
    """
    return time.time_ns() // 1000


def to_rfc3339(microseconds: int) -> str:
    """Write a time for the outside.

    Parameters
    ----------
    microseconds : int
        Since 1970.

    Returns
    -------
    str
        RFC 3339 in UTC, with a fraction only where there is one.
    """
    seconds, fraction = divmod(microseconds, 1_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=fraction)
    return moment.isoformat().replace("+00:00", "Z")
