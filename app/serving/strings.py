"""A table of strings that lies in mapped files, so that a million titles cost a process no memory of its own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


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

    def __post_init__(self) -> None:
        """Look at the arrays' memory."""
        object.__setattr__(self, "_text", self.text.data)
        object.__setattr__(self, "_offsets", self.offsets.data)

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
        found, place, n_strings = {}, 0, len(self)
        for wanted, string in sorted((string.encode(), string) for string in set(strings)):
            high, step = place, 1
            while high < n_strings and self._bytes(high) < wanted:  # in longer and longer steps from where the last was
                place, high, step = high + 1, high + step, 2 * step
            high = min(high, n_strings)
            while place < high:
                middle = (place + high) // 2
                if self._bytes(middle) < wanted:
                    place = middle + 1
                else:
                    high = middle
            if place < n_strings and self._bytes(place) == wanted:
                found[string] = place
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

    def _bytes(self, index: int) -> bytes:
        return bytes(self._text[self._offsets[index] : self._offsets[index + 1]])
