"""Sets of numbers in few bytes: each as its distance from the one before, in groups of 7 bits."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.factorization.compiled import compiled

_DIGITS = 7  # of a number in 8 bits; the eighth says that more follow
_MOST_GROUPS = 10  # of a number in 64 bits


def pack_integers(numbers: Sequence[int] | NDArray[np.integer]) -> bytes:
    """Write a set of numbers.

    Parameters
    ----------
    numbers : sequence of int
        Not negative.

    Returns
    -------
    bytes
        One for each distance below 128, two below 16,384, and so on.
    """
    each = np.ascontiguousarray(numbers, np.int64)
    packed = np.empty(_MOST_GROUPS * len(each), np.uint8)
    n_bytes = _pack(each, packed)
    if n_bytes < 0:
        n_bytes = _pack(np.sort(each), packed)
    return packed[:n_bytes].tobytes()


def unpack_integers(packed: bytes) -> NDArray[np.intp]:
    """Read what ``pack_integers`` wrote.

    Parameters
    ----------
    packed : bytes
        As written.

    Returns
    -------
    ndarray of shape (n,), intp
        Ascending.
    """
    groups = np.frombuffer(packed, np.uint8)
    is_last = groups < 1 << _DIGITS
    ends = np.flatnonzero(is_last)
    starts = np.concatenate([[0], ends[:-1] + 1])[: len(ends)]
    places = np.arange(len(groups)) - np.repeat(starts, ends - starts + 1)
    numbers = (groups & 0x7F).astype(np.intp) << (_DIGITS * places)
    return np.cumsum(np.add.reduceat(numbers, starts)) if len(ends) else np.empty(0, np.intp)


@compiled
def _pack(numbers: NDArray[np.int64], packed: NDArray[np.uint8]) -> int:
    # how many bytes; -1 where a number comes after a greater one
    before, n_bytes = np.int64(-1), 0
    for number in numbers:
        if number <= before:
            if number < before:
                return -1
            continue
        left, before = number - max(before, np.int64(0)), number
        while left >= 1 << _DIGITS:
            packed[n_bytes] = left & 0x7F | 0x80
            left >>= _DIGITS
            n_bytes += 1
        packed[n_bytes] = left
        n_bytes += 1
    return n_bytes
