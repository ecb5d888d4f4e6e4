"""What is served at this moment: a model with the catalogue's changes since its training, swapped as one reference.

Replaced versions stay at hand for a while, since cursors name the version that they began with.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.factorization import top_n
from app.serving.model import Floats, Model

MOST_RECENT = 3


class ItemChange(NamedTuple):
    """What the catalogue says now about an item of the model; ``hidden`` also when it is not available now."""

    title: str | None
    categories: frozenset[str]
    hidden: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A model and the catalogue as they are served together; a request takes one and uses nothing else.

    Attributes
    ----------
    model : Model
        The version.
    changes : mapping of int to ItemChange
        By item index, what changed since the version was made.
    hidden : ndarray of shape (n_items,), bool
        Items that must not be recommended now.
    deleted : frozenset of int
        Indices of items that are not in the catalogue any more.
    valid_until : int or None
        When the next item becomes available or stops being so, in microseconds.
    """

    model: Model
    changes: Mapping[int, ItemChange] = field(default_factory=dict)
    hidden: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    deleted: frozenset[int] = frozenset()
    valid_until: int | None = None

    @classmethod
    def of(
        cls,
        model: Model,
        changes: Mapping[int, ItemChange],
        *,
        deleted: Iterable[int] = (),
        valid_until: int | None = None,
    ) -> "Snapshot":
        """Lay the catalogue's changes over a model.

        Parameters
        ----------
        model : Model
            The version.
        changes : mapping of int to ItemChange
            By item index.
        deleted : iterable of int
            Indices of deleted items.
        valid_until : int, optional
            When an availability date comes, in microseconds.

        Returns
        -------
        Snapshot
            Ready to be served.
        """
        hidden = np.array(model.items.hidden)
        gone = frozenset(deleted)
        for index, change in changes.items():
            hidden[index] = change.hidden
        hidden[list(gone)] = True
        return cls(model, changes, hidden, gone, valid_until)

    def find(self, item_id: str) -> int | None:
        """Look an item up.

        Parameters
        ----------
        item_id : str
            The outside id.

        Returns
        -------
        int or None
            Its index; None when the model has no vector for it, or it was deleted.
        """
        index = self.model.items.item_ids.find(item_id)
        return None if index in self.deleted else index

    def item_id(self, index: int) -> str:
        """Name an item to the outside.

        Parameters
        ----------
        index : int
            The item's index.

        Returns
        -------
        str
            Its id.
        """
        return self.model.items.item_ids[index]

    def title(self, index: int) -> str | None:
        """Name an item to people.

        Parameters
        ----------
        index : int
            The item's index.

        Returns
        -------
        str or None
            None when nobody has given a title.
        """
        change = self.changes.get(index)
        return change.title if change else self.model.items.titles[index] or None

    def indices_of(self, item_ids: Sequence[str]) -> NDArray[np.intp]:
        """Look many items up.

        Parameters
        ----------
        item_ids : sequence of str
            Unknown ones are passed over.

        Returns
        -------
        ndarray of shape (n_found,), intp
            Their indices.
        """
        return np.array([index for item_id in item_ids if (index := self.find(item_id)) is not None], np.intp)

    def excluded(self, categories: Iterable[str] = ()) -> NDArray[np.bool_]:
        """Mark the items that an answer must not contain: hidden ones, and those in none of some categories.

        Parameters
        ----------
        categories : iterable of str
            An item must be in one of them; none lets every item pass.

        Returns
        -------
        ndarray of shape (n_items,), bool
            The caller's own, to mark more.
        """
        wanted = frozenset(categories)
        if not wanted:
            return self.hidden.copy()
        outside = np.ones(len(self.hidden), np.bool_)
        for name in wanted:
            outside[self.model.items.category_members(name)] = False
        for index, change in self.changes.items():
            outside[index] = wanted.isdisjoint(change.categories)
        return outside | self.hidden

    def vectors(self, indices: NDArray[np.integer]) -> Floats:
        """Gather the vectors of some items.

        Parameters
        ----------
        indices : ndarray of shape (n,), int
            Item indices.

        Returns
        -------
        ndarray of shape (n, n_factors), float32
            Copies.
        """
        vectors: Floats = self.model.factors.item_factors[indices]
        return vectors

    def scores(self, vector: Floats) -> Floats:
        """Score every item, which costs one pass over all vectors.

        Parameters
        ----------
        vector : ndarray of shape (n_factors,), float32
            u.

        Returns
        -------
        ndarray of shape (n_items,), float32
            v_i·u.
        """
        scores: Floats = self.model.factors.item_factors @ vector
        return scores

    def top_n(self, vector: Floats, n: int, excluded: NDArray[np.bool_]) -> tuple[NDArray[np.intp], Floats]:
        """Find the items with the highest scores.

        Parameters
        ----------
        vector : ndarray of shape (n_factors,), float32
            u.
        n : int
            How many.
        excluded : ndarray of shape (n_items,), bool
            Items that must not come.

        Returns
        -------
        item_indices : ndarray of shape (min(n, items left),), intp
            Best first, ties by item id.
        scores : ndarray of the same shape, float32
            Their scores.
        """
        return top_n(self.model.factors.item_factors, vector, n, excluded=excluded)

    def best(self, scores: Floats, n: int, excluded: NDArray[np.bool_]) -> tuple[NDArray[np.intp], Floats]:
        """Find the items with the highest of given scores.

        Parameters
        ----------
        scores : ndarray of shape (n_items,), float32
            One for every item.
        n : int
            How many.
        excluded : ndarray of shape (n_items,), bool
            Items that must not come.

        Returns
        -------
        item_indices : ndarray of shape (min(n, items left),), intp
            Best first, ties by item id.
        scores : ndarray of the same shape, float32
            Their scores.
        """
        return top_n(scores.reshape(-1, 1), np.ones(1, np.float32), n, excluded=excluded)

    def from_keys(self, item_keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Find the items with given keys.

        Parameters
        ----------
        item_keys : ndarray of shape (n,), int64
            The store's keys.

        Returns
        -------
        ndarray of shape (n,), int64
            Item indices; -1 for items that have no vector.
        """
        return self.model.items.indices_of(item_keys)

    @property
    def lengths(self) -> Floats:
        """Lengths of the items' vectors, ndarray of shape (n_items,), float32."""
        return self.model.lengths

    @property
    def popular(self) -> NDArray[np.int32]:
        """Item indices, the most rated first, ties by item id."""
        return self.model.popular

    def popularity(self, indices: NDArray[np.integer]) -> Floats:
        """Say how often items were rated.

        Parameters
        ----------
        indices : ndarray of shape (n,), int
            Item indices.

        Returns
        -------
        ndarray of shape (n,), float32
            Numbers of ratings when the model was trained.
        """
        popularity: Floats = self.model.items.popularity[indices]
        return popularity


class LiveModel:
    """The one mutable reference: what is served now; and what was served shortly before, by version."""

    def __init__(self) -> None:
        self.current: Snapshot | None = None
        self.recent: dict[int, Snapshot] = {}
        self.cursor_secret: bytes | None = None
        self.n_swaps = 0

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
        recent.pop(snapshot.model.version, None)
        recent[snapshot.model.version] = snapshot
        for version in list(recent)[: -MOST_RECENT - 1]:
            del recent[version]
        self.recent = recent

    def find(self, version: int) -> Snapshot | None:
        """Look for a version that is held.

        Parameters
        ----------
        version : int
            Which.

        Returns
        -------
        Snapshot or None
            None when it is not in memory.
        """
        current = self.current
        if current is not None and current.model.version == version:
            return current
        return self.recent.get(version)
