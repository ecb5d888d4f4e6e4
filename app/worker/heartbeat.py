"""The worker's sign of life, for whoever watches it from outside: a file whose time is never old."""

from dataclasses import dataclass
from pathlib import Path
from time import monotonic

_EVERY_SECONDS = 5.0


@dataclass(slots=True)
class Heartbeat:
    """Touches a file as often as it is worth it.

    Attributes
    ----------
    file : Path or None
        None for a worker that nobody watches.
    """

    file: Path | None = None
    _next_at: float = float("-inf")

    def beat(self) -> None:
        """Say that the loop that calls this goes on."""
        if self.file is not None and monotonic() >= self._next_at:
            self.file.touch()
            self._next_at = monotonic() + _EVERY_SECONDS
