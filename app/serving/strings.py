"""A table of strings that lies in mapped files, so that a million titles cost a process no memory of its own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import compress

import numpy as np
from numpy.typing import NDArray

_MANY = 100  # strings, for which it pays to look at all at once
_N_COMPARED = 8  # bytes


@dataclass(frozen=True, slots=True)
class StringTable:
    """Strings as one block of UTF-8 bytes.

    Attributes
    ----------
    text : ndarray of shape (n_bytes,), uint8
        All strings, one after another.
    offsets : ndarray of shape (n_strings + 1,), int32, or int64 where there are more than 2 GiB of text
        Where each begins.
    """

    text: NDArray[np.uint8]
    offsets: NDArray[np.int32] | NDArray[np.int64]
    # a memoryview gives out plain numbers and bytes, several times as fast as an array does
    _text: memoryview = field(init=False, repr=False, compare=False)
    _offsets: memoryview = field(init=False, repr=False, compare=False)
    # of a sorted table, once many strings have been looked up: the bytes that all share, and the next ones of each
    _beginnings: tuple[int, NDArray[np.uint64]] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Look at the arrays' memory."""
        object.__setattr__(self, "_text", self.text.data)
        object.__setattr__(self, "_offsets", self.offsets.data)
        object.__setattr__(self, "_beginnings", None)

    @classmethod
    def of(cls, strings: Sequence[str]) -> "StringTable":
        """Pack strings.

        Parameters
        ----------
        strings : sequence of str
            Without lone surrogates.

        Returns
        -------
        StringTable
            In the same order.
        """
        joined = "".join(strings)
        n_bytes = map(len, strings) if joined.isascii() else (len(string.encode()) for string in strings)
        offsets = np.zeros(len(strings) + 1, np.int64)
        np.cumsum(np.fromiter(n_bytes, np.int64, len(strings)), out=offsets[1:])
        text, is_short = np.frombuffer(joined.encode(), np.uint8), offsets[-1] <= np.iinfo(np.int32).max
        return cls(text, offsets.astype(np.int32) if is_short else offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> str:
        return str(self._text[self._offsets[index] : self._offsets[index + 1]], "utf-8")

    def find(self, string: str) -> int | None:
        """Look a string up in a table that is sorted by its bytes.

        Parameters
        ----------
        string : str
            What to find.

        Returns
        -------
        int or None
            Its index; None when it is not there.
        """
        place = self.n_up_to(string) - 1
        return place if place >= 0 and self._bytes(place) == string.encode() else None

    def find_all(self, strings: Iterable[str]) -> dict[str, int]:
        """Look many strings up in a table that is sorted by its bytes, which costs less than each by itself.

        Parameters
        ----------
        strings : iterable of str
            What to find.

        Returns
        -------
        dict of str to int
            The indices of those that are there.
        """
        each = list(dict.fromkeys(strings))
        if len(each) >= _MANY and len(self.text) and any(each):
            return self._find_many(each)
        wanted = {string.encode(): string for string in each}
        found, place = {}, 0
        for encoded in sorted(wanted):
            place = self._first_not_before(encoded, place, len(self))
            if place < len(self) and self._bytes(place) == encoded:
                found[wanted[encoded]] = place
        return found

    def n_up_to(self, string: str) -> int:
        """Count the strings of a sorted table that do not come behind a string.

        Parameters
        ----------
        string : str
            Whether it is there or not.

        Returns
        -------
        int
            How many.
        """
        wanted = string.encode()
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self._bytes(middle) <= wanted:
                low = middle + 1
            else:
                high = middle
        return low

    def _first_not_before(self, wanted: bytes, low: int, end: int) -> int:
        high, step = low, 1
        while high < end and self._bytes(high) < wanted:  # in longer and longer steps from where the last was
            low, high, step = high + 1, high + step, 2 * step
        high = min(high, end)
        while low < high:
            middle = (low + high) // 2
            if self._bytes(middle) < wanted:
                low = middle + 1
            else:
                high = middle
        return low

    def _find_many(self, wanted: list[str]) -> dict[str, int]:
        # What stands behind the bytes that all share is compared eight bytes of all at once, which mostly is enough.
        n_common, numbers = self._beginnings or self._begin()
        table = StringTable.of(wanted)
        lengths, keys = np.diff(table.offsets), _numbers_from(table, n_common)
        starts, ends = (np.searchsorted(numbers, keys, side) for side in ("left", "right"))
        is_there = (starts < ends) & _begin_with(table, self._bytes(0)[:n_common])
        is_exact = is_there & (starts + 1 == ends) & (lengths <= n_common + _N_COMPARED)
        places = np.where(is_there, starts, 0)
        is_exact &= self.offsets[places + 1] - self.offsets[places] == lengths
        found = dict(zip(compress(wanted, is_exact.tolist()), starts[is_exact].tolist(), strict=True))
        for row in np.flatnonzero(is_there & ~is_exact).tolist():
            one = wanted[row].encode()
            place = self._first_not_before(one, int(starts[row]), int(ends[row]))
            if place < ends[row] and self._bytes(place) == one:
                found[wanted[row]] = place
        return found

    def _begin(self) -> tuple[int, NDArray[np.uint64]]:
        first, last = self._bytes(0), self._bytes(len(self) - 1)  # between which all others lie
        differing = (at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
        n_common = next(differing, min(len(first), len(last)))
        beginnings = n_common, _numbers_from(self, n_common)
        object.__setattr__(self, "_beginnings", beginnings)
        return beginnings

    def _bytes(self, index: int) -> bytes:
        return bytes(self._text[self._offsets[index] : self._offsets[index + 1]])


def _begin_with(table: StringTable, common: bytes) -> NDArray[np.bool_]:
    if len(common) > _N_COMPARED:
        return np.array([table[index].encode().startswith(common) for index in range(len(table))])
    starts, ends = table.offsets[:-1], table.offsets[1:]
    is_so = ends - starts >= len(common)
    for at, byte in enumerate(common):
        is_so &= table.text[np.where(is_so, starts + at, 0)] == byte
    return is_so


def _numbers_from(table: StringTable, place: int) -> NDArray[np.uint64]:
    starts, ends = table.offsets[:-1].astype(np.int64) + place, table.offsets[1:]
    numbers = np.zeros(len(table), np.uint64)
    for at in range(_N_COMPARED):
        is_there = starts + at < ends
        byte = table.text[np.where(is_there, starts + at, 0)]
        numbers = numbers << np.uint64(8) | np.where(is_there, byte, 0).astype(np.uint64)
    return numbers
