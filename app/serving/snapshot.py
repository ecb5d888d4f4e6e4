"""What a request reads: a model with its supplement and the catalogue's changes since its training.

Item indices go through the model's items and on through the supplement's.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.factorization.arrays import Vectors
from app.factorization.quantized import QuantizedVectors
from app.serving.item_search import ItemSearch, SearchedItems
from app.serving.item_table import Floats, ItemTable, by_popularity
from app.serving.model import Model
from app.serving.supplement import Supplement


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
    search : ItemSearch
        Finds the best of all these items.
    deleted : frozenset of int
        Indices of items that are not in the catalogue any more.
    valid_until : int or None
        When the next item becomes available or stops being so, in microseconds.
    supplement : Supplement or None
        Items that came after the training.
    """

    model: Model
    changes: Mapping[int, ItemChange]
    hidden: NDArray[np.bool_]
    search: ItemSearch
    deleted: frozenset[int] = frozenset()
    valid_until: int | None = None
    supplement: Supplement | None = None
    _popular: NDArray[np.int32] | None = None

    @classmethod
    def of(
        cls,
        model: Model,
        changes: Mapping[int, ItemChange],
        *,
        deleted: Iterable[int] = (),
        valid_until: int | None = None,
        supplement: Supplement | None = None,
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
        supplement : Supplement, optional
            Items that came after the training.

        Returns
        -------
        Snapshot
            Ready to be served.
        """
        parts = [model.items] if supplement is None else [model.items, supplement.items]
        hidden = np.concatenate([part.hidden for part in parts])
        gone = frozenset(deleted)
        for index, change in changes.items():
            hidden[index] = change.hidden
        hidden[list(gone)] = True
        popular = None if supplement is None else by_popularity(np.concatenate([part.popularity for part in parts]))
        searched = [SearchedItems(model.factors.item_factors, model.items.item_ids)]
        if supplement is not None:
            searched.append(SearchedItems(QuantizedVectors.of(supplement.item_factors), supplement.items.item_ids))
        search = ItemSearch(tuple(searched), model.searches)
        return cls(model, changes, hidden, search, gone, valid_until, supplement, popular)

    @property
    def identity(self) -> tuple[int, int]:
        """The version and the number of its supplement, 0 for none."""
        return self.model.version, self.supplement.number if self.supplement else 0

    @property
    def is_as_trained(self) -> bool:
        """Whether every item is named as it was when the model was trained."""
        return not self.changes and self.supplement is None

    @property
    def n_trained(self) -> int:
        """How many items the model has; the supplement's come after them."""
        return len(self.model.items.item_keys)

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
        if (index is None or index in self.deleted) and self.supplement is not None:
            place = self.supplement.items.item_ids.find(item_id)
            index = None if place is None else self.n_trained + place
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
        return self.search.item_id(index)

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
        if change is not None:
            return change.title
        table, place = self._place(index)
        return table.titles[place] or None

    def is_cold(self, index: int) -> bool:
        """Say whether an item's vector is a guess from its categories, since nobody has rated it.

        Parameters
        ----------
        index : int
            The item's index.

        Returns
        -------
        bool
            False for every item that has ratings.
        """
        place = index - self.n_trained
        return self.supplement is not None and place >= 0 and bool(self.supplement.is_cold[place])

    def indices_of(self, item_ids: Sequence[str]) -> NDArray[np.intp]:
        """Look many items up.

        Parameters
        ----------
        item_ids : sequence of str
            Unknown ones are passed over.

        Returns
        -------
        ndarray of shape (n_found,), intp
            Their indices, in the order of the ids; twice for one that is named twice.
        """
        places = self._not_deleted(self.model.items.item_ids.places_of(item_ids))
        if self.supplement is not None:
            missing = np.flatnonzero(places < 0)
            added = self.supplement.items.item_ids.places_of([item_ids[row] for row in missing.tolist()])
            places[missing] = self._not_deleted(np.where(added < 0, -1, self.n_trained + added))
        return places[places >= 0]

    def _not_deleted(self, indices: NDArray[np.intp]) -> NDArray[np.intp]:
        return np.where(np.isin(indices, list(self.deleted)), -1, indices) if self.deleted else indices

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
            if self.supplement is not None:
                outside[self.n_trained + self.supplement.items.category_members(name)] = False
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
        return self._gather(self.model.factors.item_factors, lambda _: self.search.parts[1].vectors, indices)

    def weights(self, indices: NDArray[np.integer]) -> Floats:
        """Gather what some items weigh when users are folded in.

        Parameters
        ----------
        indices : ndarray of shape (n,), int
            Item indices.

        Returns
        -------
        ndarray of shape (n,), float32
            c_i.
        """
        return self._gather(self.model.fold_in.item_weights, lambda supplement: supplement.item_weights, indices)

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
        indices = self.model.items.indices_of(item_keys)
        if self.supplement is None:
            return indices
        places = self.supplement.items.indices_of(item_keys)
        return np.where((indices < 0) & (places >= 0), self.n_trained + places, indices)

    @property
    def popular(self) -> NDArray[np.int32]:
        """Item indices, the most rated first, ties by item id."""
        return self.model.popular if self._popular is None else self._popular

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
        return self._gather(self.model.items.popularity, lambda supplement: supplement.items.popularity, indices)

    def _place(self, index: int) -> tuple[ItemTable, int]:
        if self.supplement is None or index < self.n_trained:
            return self.model.items, index
        return self.supplement.items, index - self.n_trained

    def _gather(self, trained: Vectors, added: Callable[[Supplement], Vectors], indices: NDArray[np.integer]) -> Floats:
        if self.supplement is None:
            found: Floats = trained[indices]
            return found
        is_added = indices >= self.n_trained
        gathered = np.empty((len(indices), *trained.shape[1:]), np.float32)
        gathered[~is_added] = trained[indices[~is_added]]
        gathered[is_added] = added(self.supplement)[indices[is_added] - self.n_trained]
        return gathered
