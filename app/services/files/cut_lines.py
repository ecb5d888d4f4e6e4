"""Lines that are too long to be a row, cut at a limit, so that one cannot end an import or fill the memory."""

import io
from collections.abc import Iterator
from typing import BinaryIO, cast

from app.services.files.bad_rows import BadRowError

LONGEST_LINE = (1 << 17) - 1  # bytes; with the mark what Python's csv takes for a cell, and far below a block
_LONGEST_UNCUT = 1 << 20
_MARK = b"\0"  # no id, title, number or time may hold it: what was cut is refused, never taken for shorter


def cut_lines(file: BinaryIO, encoding: str) -> BinaryIO:
    """Leave out what lines hold beyond ``LONGEST_LINE`` bytes; a NUL stands where a line was cut.

    Parameters
    ----------
    file : binary file
        At its beginning.
    encoding : str
        Of its text.

    Returns
    -------
    binary file
        To be read onwards only; the given one where a line's end is more than the byte 10, as in UTF-16.
    """
    return cast("BinaryIO", _CutLines(file)) if "\n\n".encode(encoding).endswith(b"\n\n") else file


def bounded_lines(file: BinaryIO, encoding: str, errors: str = "surrogateescape") -> Iterator[str]:
    """Read a text file line by line, none of which fills the memory: gzip packs endless ones into next to nothing.

    Parameters
    ----------
    file : binary file
        At its beginning; it stays open.
    encoding : str
        Of its text.
    errors : str
        What becomes of bytes that are none of it: by default lone surrogates, which the policy refuses where they are.

    Yields
    ------
    str
        With its end.

    Raises
    ------
    BadRowError
        At a line that is longer than a million characters, where lines are not cut before.
    """
    text = io.TextIOWrapper(cut_lines(file, encoding), encoding, errors, newline="")
    try:
        number = 0
        while line := text.readline(_LONGEST_UNCUT):
            number += 1
            if len(line) == _LONGEST_UNCUT and not line.endswith("\n"):
                raise BadRowError(number, f"is longer than {_LONGEST_UNCUT:,} characters")
            yield line
    finally:
        text.detach()


class _CutLines(io.RawIOBase):
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._room = LONGEST_LINE  # that the line being read has left; 0 where it is being cut

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        while data := self._file.read(size):
            if kept := self._cut(data):
                return kept
        return b""

    def _cut(self, data: bytes) -> bytes:
        kept, at = [], 0
        while at < len(data):
            if not self._room:
                at = data.find(b"\n", at)
                if at < 0:
                    break
                self._room = 1  # for the line's end
            end = data.rfind(b"\n", at, at + self._room) + 1
            if end:
                self._room = LONGEST_LINE
            else:
                end = min(at + self._room, len(data))
                self._room -= end - at
            kept.append(data[at:end])
            if not self._room:
                kept.append(_MARK)
            at = end
        return b"".join(kept)
