"""A table of strings that lies in mapped files, so that a million titles cost a process no memory of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.factorization.arrays import read_only
from app.factorization.compiled import compiled_in_place

MANY = 100
"""So many strings are looked up all at once."""

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

    def places_of(self, strings: Sequence[str]) -> NDArray[np.intp]:
        """Look many strings up in a table that is sorted by its bytes, which costs less than each by itself.

        Parameters
        ----------
        strings : sequence of str
            What to find.

        Returns
        -------
        ndarray of shape (n_strings,), intp
            Their indices; -1 for those that are not there.
        """
        if len(strings) < MANY or not len(self.text):
            found = (self.find(string) for string in strings)
            return np.fromiter((-1 if place is None else place for place in found), np.intp, len(strings))
        n_common, numbers = self._beginnings or self._begin()
        wanted = StringTable.of(strings)
        places = np.searchsorted(numbers, _numbers_from(wanted, n_common))
        there, ours = read_only(self.text), read_only(wanted.text)
        _go_to_equal(there, read_only(self.offsets), ours, read_only(wanted.offsets.astype(np.int64)), places)
        return places

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

    def _begin(self) -> tuple[int, NDArray[np.uint64]]:
        first, last = self._bytes(0), self._bytes(len(self) - 1)  # between which all others lie
        differing = (at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
        n_common = next(differing, min(len(first), len(last)))
        beginnings = n_common, _numbers_from(self, n_common)
        object.__setattr__(self, "_beginnings", beginnings)
        return beginnings

    def _bytes(self, index: int) -> bytes:
        return bytes(self._text[self._offsets[index] : self._offsets[index + 1]])


def _numbers_from(table: StringTable, place: int) -> NDArray[np.uint64]:
    # the eight bytes from there, in whose order the strings are as far as these go
    text = np.concatenate([table.text, np.zeros(place + _N_COMPARED, np.uint8)])
    windows = np.ndarray(len(text) - _N_COMPARED + 1, ">u8", text, strides=(1,))
    n_there = np.clip(np.diff(table.offsets) - place, 0, _N_COMPARED)
    numbers = windows[table.offsets[:-1].astype(np.int64) + place].astype(np.uint64)
    n_behind = (8 * (_N_COMPARED - n_there)).astype(np.uint64)
    return np.where(n_there > 0, numbers >> n_behind << n_behind, 0)


@compiled_in_place
def _go_to_equal(
    text: NDArray[np.uint8],
    offsets: NDArray[np.int32] | NDArray[np.int64],
    wanted_text: NDArray[np.uint8],
    wanted_offsets: NDArray[np.int64],
    places: NDArray[np.intp],
) -> None:
    # from a place that the equal one does not come before; -1 where there is none
    for row in range(len(places)):
        begin = wanted_offsets[row]
        n_wanted = wanted_offsets[row + 1] - begin
        low, high, step = places[row], len(offsets) - 1, 1
        places[row] = -1
        while low < high:
            middle = min(low + step - 1, (low + high) // 2)  # in longer and longer steps: mostly it is the first
            step *= 2
            at = offsets[middle]
            n_bytes = offsets[middle + 1] - at
            n_equal = 0
            while n_equal < min(n_bytes, n_wanted) and text[at + n_equal] == wanted_text[begin + n_equal]:
                n_equal += 1
            if n_equal == n_bytes == n_wanted:
                places[row] = middle
                break
            is_before = n_equal == n_bytes
            if n_equal < n_bytes and n_equal < n_wanted:
                is_before = text[at + n_equal] < wanted_text[begin + n_equal]
            if is_before:
                low = middle + 1
            else:
                high = middle
