"""What a model knows of its items besides their vectors: ids, titles, categories; read from a version's files.

Items are ordered by the bytes of their ids, so that breaking ties by index breaks them by id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.serving.strings import StringTable

Floats = NDArray[np.float32]

_ITEM_ARRAYS = ("item_keys", "index_by_key", "category_offsets", "category_items", "hidden", "popularity")
_ITEM_STRINGS = ("item_ids", "titles", "category_names")


@dataclass(frozen=True, slots=True)
class ItemTable:
    """Items, numbered; a catalogue's later changes lie over it.

    Attributes
    ----------
    item_keys : ndarray of shape (n_items,), int64
        The store's keys.
    index_by_key : ndarray of shape (largest key + 1,), int32
        From key to item index, -1 for others.
    item_ids, titles : StringTable
        An empty title is none.
    category_names : StringTable
        Sorted.
    category_offsets, category_items : ndarray, int64 and int32
        Items of each category: ``category_items[category_offsets[c]:category_offsets[c + 1]]``.
    hidden : ndarray of shape (n_items,), bool
        Never to be recommended.
    popularity : ndarray of shape (n_items,), float32
        Number of ratings.
    """

    item_keys: NDArray[np.int64]
    index_by_key: NDArray[np.int32]
    item_ids: StringTable
    titles: StringTable
    category_names: StringTable
    category_offsets: NDArray[np.int64]
    category_items: NDArray[np.int32]
    hidden: NDArray[np.bool_]
    popularity: Floats

    @classmethod
    def of(
        cls,
        *,
        item_keys: NDArray[np.int64],
        item_ids: Sequence[str],
        titles: Sequence[str | None],
        categories: Sequence[Sequence[str]],
        hidden: Sequence[bool],
        popularity: NDArray[Any],
    ) -> "ItemTable":
        """Build the table of a new model.

        Parameters
        ----------
        item_keys : ndarray of shape (n_items,), int64
            The store's keys, in the order of the ids' bytes, like everything else.
        item_ids, titles, categories, hidden : sequence
            One entry an item.
        popularity : ndarray of shape (n_items,)
            Number of ratings.

        Returns
        -------
        ItemTable
            Ready to be written.
        """
        index_by_key = np.full(int(item_keys.max(initial=-1)) + 1, -1, np.int32)
        index_by_key[item_keys] = np.arange(len(item_keys), dtype=np.int32)
        members: dict[str, list[int]] = {}
        for index, names in enumerate(categories):
            for name in dict.fromkeys(names):
                members.setdefault(name, []).append(index)
        names = sorted(members, key=str.encode)
        offsets = np.zeros(len(names) + 1, np.int64)
        np.cumsum([len(members[name]) for name in names], out=offsets[1:])
        return cls(
            item_keys,
            index_by_key,
            StringTable.of(item_ids),
            StringTable.of([title or "" for title in titles]),
            StringTable.of(names),
            offsets,
            np.array([index for name in names for index in members[name]], np.int32),
            np.array(hidden, np.bool_),
            np.asarray(popularity, np.float32),
        )

    def indices_of(self, item_keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Find the items with given keys.

        Parameters
        ----------
        item_keys : ndarray of shape (n,), int64
            The store's keys.

        Returns
        -------
        ndarray of shape (n,), int64
            Item indices; -1 for items that the model does not have.
        """
        known = (item_keys >= 0) & (item_keys < len(self.index_by_key))
        indices = np.full(len(item_keys), -1, np.int64)
        indices[known] = self.index_by_key[item_keys[known]]
        return indices

    def category_members(self, name: str) -> NDArray[np.int32]:
        """List the items of a category.

        Parameters
        ----------
        name : str
            Its name.

        Returns
        -------
        ndarray of shape (n_members,), int32
            Item indices; empty for an unknown category.
        """
        category = self.category_names.find(name)
        if category is None:
            return np.empty(0, np.int32)
        return self.category_items[self.category_offsets[category] : self.category_offsets[category + 1]]


def item_arrays(items: ItemTable) -> dict[str, NDArray[Any]]:
    """Name the arrays of a table of items.

    Parameters
    ----------
    items : ItemTable
        The items.

    Returns
    -------
    dict of str to ndarray
        For ``read_items``.
    """
    arrays = {name: getattr(items, name) for name in _ITEM_ARRAYS}
    for name in _ITEM_STRINGS:
        table: StringTable = getattr(items, name)
        arrays |= {f"{name}_text": table.text, f"{name}_offsets": table.offsets}
    return arrays


def read_items(arrays: Mapping[str, NDArray[Any]]) -> ItemTable:
    """Find a table of items among arrays.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        As ``item_arrays`` named them; a missing one is a ``KeyError``.

    Returns
    -------
    ItemTable
        The items.
    """
    columns: dict[str, Any] = {name: arrays[name] for name in _ITEM_ARRAYS}
    columns |= {name: StringTable(arrays[f"{name}_text"], arrays[f"{name}_offsets"]) for name in _ITEM_STRINGS}
    return ItemTable(**columns)


def by_popularity(popularity: Floats) -> NDArray[np.int32]:
    """Order items, the most rated first.

    Parameters
    ----------
    popularity : ndarray of shape (n_items,), float32
        Numbers of ratings.

    Returns
    -------
    ndarray of shape (n_items,), int32
        Item indices, ties ascending.
    """
    return np.lexsort((np.arange(len(popularity)), -popularity)).astype(np.int32)
