"""What is served at this moment: a model with the catalogue's changes since its training, swapped as one reference."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.serving.model import Model


class ItemChange(NamedTuple):
    """What the catalogue says now about an item of the model."""

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
    """

    model: Model
    changes: Mapping[int, ItemChange] = field(default_factory=dict)
    hidden: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))

    @classmethod
    def of(cls, model: Model, changes: Mapping[int, ItemChange]) -> "Snapshot":
        """Lay the catalogue's changes over a model.

        Parameters
        ----------
        model : Model
            The version.
        changes : mapping of int to ItemChange
            By item index.

        Returns
        -------
        Snapshot
            Ready to be served.
        """
        hidden = np.array(model.items.hidden)
        for index, change in changes.items():
            hidden[index] = change.hidden
        return cls(model, changes, hidden)

    def title(self, index: int) -> str | None:
        """Name an item.

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


class LiveModel:
    """The one mutable reference: what is served now."""

    def __init__(self) -> None:
        self.current: Snapshot | None = None
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
        self.current = snapshot
