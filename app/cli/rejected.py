"""The file in which ``foldin import --skip-bad`` lists what it left out."""

from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.services.files.bad_rows import BadRow

_LONGEST_CELL = 1 << 24  # characters; a quote that is left open may hold a block of a file


class RejectedRows:
    """Lists bad rows in a CSV file beside where the command runs; without one there is no file.

    What the file lists already is not listed again: after a dry run, and where an import goes on that was stopped.

    Parameters
    ----------
    paths : list of Path
        The files to import; the first gives the list its name.
    """

    def __init__(self, paths: list[Path]) -> None:
        self.path = Path(f"rejected-{paths[0].name.partition('.')[0]}.csv")
        self._file: IO[str] | None = None
        self._listed: Any = None

    def __enter__(self) -> "RejectedRows":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def __call__(self, bad: "BadRow") -> None:
        """List a row, unless it is listed already.

        Parameters
        ----------
        bad : BadRow
            Which.

        Raises
        ------
        InvalidInputError
            If the list cannot be written.
        """
        from app.errors import InvalidInputError

        try:
            self._list(bad)
        except OSError as error:
            reason = error.strerror or error
            raise InvalidInputError(
                f"{self.path} cannot be written: {reason}; import from another directory"
            ) from error

    def _list(self, bad: "BadRow") -> None:
        import csv

        if self._file is None:
            self._file = self.path.open("a+", newline="", encoding="utf-8", errors="surrogateescape")
            self._listed = _fingerprints(self._file)
            if self._file.tell() == 0:
                csv.writer(self._file).writerow(["line", "reason", "row", "file"])
        fingerprint = _fingerprint([str(cell) for cell in bad])
        place = self._listed.searchsorted(fingerprint)
        if place == len(self._listed) or self._listed[place] != fingerprint:
            csv.writer(self._file).writerow(bad)
            self._file.flush()  # before its neighbours are stored: a crash loses none


def _fingerprints(file: IO[str]) -> Any:
    # of all its rows, ascending: eight bytes for each
    import csv

    import numpy as np

    file.seek(0)
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        return np.sort(np.fromiter(map(_fingerprint, csv.reader(file)), np.int64))
    finally:
        csv.field_size_limit(before)


def _fingerprint(cells: list[str]) -> int:
    return hash(tuple(cells))
