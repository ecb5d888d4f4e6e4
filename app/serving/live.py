"""What is served at this moment, swapped as one reference; and what was served shortly before.

Replaced snapshots stay at hand for a while, since cursors name the version that they began with.
"""

from app.serving.snapshot import Snapshot

MOST_RECENT = 3


class LiveModel:
    """The one mutable reference: what is served now; and what was served shortly before, by version."""

    def __init__(self) -> None:
        self.current: Snapshot | None = None
        self.recent: dict[tuple[int, int], Snapshot] = {}
        self.cursor_secret: bytes | None = None
        self.user_secret: bytes | None = None
        self.n_swaps = 0
        self.refused_version: int | None = None  # the active one, when its files cannot be served

    def swap(self, snapshot: Snapshot) -> None:
        """Serve another snapshot from the next request on.

        Parameters
        ----------
        snapshot : Snapshot
            Requests under way go on with the one that they took.
        """
        is_other_version = self.current is None or self.current.model.version != snapshot.model.version
        self.n_swaps += is_other_version
        self.keep(snapshot)
        self.current = snapshot

    def keep(self, snapshot: Snapshot) -> None:
        """Hold a version for the cursors that name it; the one that was held longest goes when there are too many.

        Parameters
        ----------
        snapshot : Snapshot
            Replaces what was held of the same version.
        """
        recent = dict(self.recent)
        recent.pop(snapshot.identity, None)
        recent[snapshot.identity] = snapshot
        for identity in list(recent)[: -MOST_RECENT - 1]:
            del recent[identity]
        self.recent = recent

    def find(self, version: int, supplement: int) -> Snapshot | None:
        """Look for a version that is held.

        Parameters
        ----------
        version : int
            Which.
        supplement : int
            With which of its supplements; 0 for none.

        Returns
        -------
        Snapshot or None
            None when it is not in memory.
        """
        current = self.current
        if current is not None and current.identity == (version, supplement):
            return current
        return self.recent.get((version, supplement))
