"""A table of strings that lies in mapped files, so that a million titles cost a process no memory of its own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

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
    offsets : ndarray of shape (n_strings + 1,), int64
        Where each begins.
    """

    text: NDArray[np.uint8]
    offsets: NDArray[np.int64]
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
        encoded = [string.encode() for string in strings]
        offsets = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum([len(part) for part in encoded], out=offsets[1:])
        return cls(np.frombuffer(b"".join(encoded), np.uint8), offsets)

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
        wanted = {string.encode(): string for string in strings}
        if len(wanted) >= _MANY and len(self.text):
            return self._find_many(wanted)
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

    def _find_many(self, wanted: dict[bytes, str]) -> dict[str, int]:
        # What stands behind the bytes that all share is compared eight bytes of all at once, which mostly is enough.
        n_common, numbers = self._beginnings or self._begin()
        common, encoded = self._bytes(0)[:n_common], np.array(list(wanted), object)
        lengths = np.fromiter(map(len, wanted), np.int64, len(wanted))
        keys = np.array([one[n_common : n_common + _N_COMPARED] for one in wanted], f"S{_N_COMPARED}").view(">u8")
        starts, ends = (np.searchsorted(numbers, keys.astype(np.uint64), side) for side in ("left", "right"))
        is_there = (starts < ends) & [one.startswith(common) for one in wanted]
        is_exact = is_there & (starts + 1 == ends) & (lengths <= n_common + _N_COMPARED)
        is_exact &= np.diff(self.offsets)[np.where(is_there, starts, 0)] == lengths
        found = {wanted[one]: place for one, place in zip(encoded[is_exact], starts[is_exact].tolist(), strict=True)}
        is_left = is_there & ~is_exact
        for one, start, end in zip(encoded[is_left], starts[is_left].tolist(), ends[is_left].tolist(), strict=True):
            place = self._first_not_before(one, start, end)
            if place < end and self._bytes(place) == one:
                found[wanted[one]] = place
        return found

    def _begin(self) -> tuple[int, NDArray[np.uint64]]:
        first, last = self._bytes(0), self._bytes(len(self) - 1)  # between which all others lie
        differing = (at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
        n_common = next(differing, min(len(first), len(last)))
        beginnings = n_common, self._numbers_from(n_common)
        object.__setattr__(self, "_beginnings", beginnings)
        return beginnings

    def _numbers_from(self, place: int) -> NDArray[np.uint64]:
        starts, ends = self.offsets[:-1] + place, self.offsets[1:]
        numbers = np.zeros(len(self), np.uint64)
        for at in range(_N_COMPARED):
            is_there = starts + at < ends
            byte = self.text[np.where(is_there, starts + at, 0)]
            numbers = numbers << np.uint64(8) | np.where(is_there, byte, 0).astype(np.uint64)
        return numbers

    def _bytes(self, index: int) -> bytes:
        return bytes(self._text[self._offsets[index] : self._offsets[index + 1]])
