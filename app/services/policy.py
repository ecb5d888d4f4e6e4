"""What may come in: ids, values and times, judged alike over HTTP and from files, before either store sees them.

Each check raises a ``ValueError`` whose message is the reason. A reason completes "the value …" and never repeats what
was sent, so that it can be shown and logged.
"""

import math
import re

MAX_ID_BYTES = 256
MAX_LABEL_BYTES = 1024
MAX_SKEW_SECONDS = 60

_MICROSECONDS = 1_000_000
_PRINTABLE = bytes(range(ord(" "), 0x7F))
# C0, DEL and C1 control characters (NUL among them), and halves of surrogate pairs, which UTF-8 cannot write.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def check_id(outside_id: str) -> str:
    """Accept the id of a user or an item.

    Parameters
    ----------
    outside_id : str
        As it came, byte for byte.

    Returns
    -------
    str
        The same.

    Raises
    ------
    ValueError
        If it is empty, longer than 256 bytes of UTF-8, or holds a control character or a lone surrogate.
    """
    return _check_text(outside_id, MAX_ID_BYTES)


def is_plain(text: str) -> bool:
    """Say whether a text is of printable ASCII alone, as nearly every id is.

    Parameters
    ----------
    text : str
        One id, or many that are joined.

    Returns
    -------
    bool
        True for an empty text.
    """
    return text.isascii() and not text.encode().translate(None, _PRINTABLE)  # a sixth of the time of isprintable


def check_value(value: float, rating_min: float, rating_max: float) -> float:
    """Accept the value of a rating.

    Parameters
    ----------
    value : float
        As it came.
    rating_min, rating_max : float
        The ends of the scale, which belong to it.

    Returns
    -------
    float
        The same.

    Raises
    ------
    ValueError
        If it is not finite or not on the scale.
    """
    if not rating_min <= value <= rating_max:  # false for NaN
        raise ValueError(f"must be a number from {rating_min:g} to {rating_max:g}")
    return value


def check_timestamp(timestamp: int, now: int) -> int:
    """Accept the time of a rating, forgiving a clock that is slightly ahead.

    Parameters
    ----------
    timestamp : int
        Microseconds since 1970.
    now : int
        The time of arrival in microseconds.

    Returns
    -------
    int
        The same, or ``now`` if it is ahead by at most a minute.

    Raises
    ------
    ValueError
        If it lies before 1970 or more than a minute in the future.
    """
    if timestamp < 0:
        raise ValueError("must not lie before 1970")
    if timestamp > now + MAX_SKEW_SECONDS * _MICROSECONDS:
        raise ValueError("must not lie in the future; a number counts seconds since 1970")
    return min(timestamp, now)


def to_microseconds(seconds: float) -> int:
    """Convert epoch seconds to the store's unit.

    Parameters
    ----------
    seconds : float
        Seconds since 1970; an integer is converted exactly.

    Returns
    -------
    int
        Microseconds since 1970.

    Raises
    ------
    ValueError
        If it is not finite.
    """
    if isinstance(seconds, int):
        return seconds * _MICROSECONDS
    microseconds = seconds * _MICROSECONDS
    if not math.isfinite(microseconds):
        raise ValueError("must be a finite number of seconds")
    return round(microseconds)


def check_label(label: str) -> str:
    """Accept a text that people read: a title, the name of a category.

    Parameters
    ----------
    label : str
        As it came.

    Returns
    -------
    str
        The same.

    Raises
    ------
    ValueError
        If it is empty, longer than 1,024 bytes of UTF-8, or holds a control character or a lone surrogate.
    """
    return _check_text(label, MAX_LABEL_BYTES)


def _check_text(text: str, max_bytes: int) -> str:
    if not text:
        raise ValueError("must not be empty")
    if _FORBIDDEN.search(text):
        raise ValueError("must not contain control characters or lone surrogates")
    if len(text) * 4 > max_bytes and len(text.encode()) > max_bytes:  # a character takes at most four
        raise ValueError(f"must not be longer than {max_bytes} bytes of UTF-8")
    return text
