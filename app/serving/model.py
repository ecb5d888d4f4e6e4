"""A trained model as requests see it: an immutable value, made of the arrays of a version's files.

``to_arrays`` and ``from_arrays`` are the two sides of the file format; what the arrays are called is written here only.
Items are ordered by the bytes of their ids, so that breaking ties by index breaks them by id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import ArtifactError
from app.factorization.fold_in import FoldIn
from app.factorization.objective import Factors, Hyperparameters
from app.serving.strings import StringTable
from app.serving.trained_users import TrainedUsers

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ItemTable:
    """What a model knows of its items besides their vectors; a catalogue's later changes lie over it.

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


@dataclass(frozen=True, slots=True)
class Model:
    """One version, whole.

    Attributes
    ----------
    version : int
        Its number.
    description : dict
        As in its manifest: method, hyper-parameters, metrics, what it was trained on.
    factors : Factors
        User and item factors, the mean user, the Gramian's diagonal, the hyper-parameters.
    fold_in : FoldIn
        What turns ratings into a user's vector.
    items : ItemTable
        Ids, titles, categories.
    user_keys : ndarray of shape (n_users,), int64
        The store's keys of the trained users, ascending.
    popular : ndarray of shape (n_items,), int32
        Item indices, the most rated first, ties by item id.
    lengths : ndarray of shape (n_items,), float32
        Of the items' vectors.
    longest_vector : float
        The greatest of them.
    users : TrainedUsers or None
        Who was trained on; None in versions that were made without them.
    """

    version: int
    description: Mapping[str, Any]
    factors: Factors
    fold_in: FoldIn
    items: ItemTable
    user_keys: NDArray[np.int64]
    popular: NDArray[np.int32]
    lengths: Floats
    longest_vector: float
    users: TrainedUsers | None = None


_FACTORS = tuple(field.name for field in fields(Factors) if field.name != "hyperparameters")
_PER_FACTOR = ("mean_user", "mean_item", "user_is_free", "item_is_free", "item_gramian")
_ITEM_ARRAYS = ("item_keys", "index_by_key", "category_offsets", "category_items", "hidden", "popularity")
_ITEM_STRINGS = ("item_ids", "titles", "category_names")


def to_arrays(
    factors: Factors, items: ItemTable, user_keys: NDArray[np.int64], users: TrainedUsers | None = None
) -> dict[str, NDArray[Any]]:
    """Name the arrays that a version's files hold.

    Parameters
    ----------
    factors : Factors
        What training returned.
    items : ItemTable
        Its items.
    user_keys : ndarray of shape (n_users,), int64
        The store's keys of its users.
    users : TrainedUsers, optional
        For answers without the store.

    Returns
    -------
    dict of str to ndarray
        For ``from_arrays``.
    """
    arrays: dict[str, NDArray[Any]] = {name: getattr(factors, name) for name in _FACTORS}
    arrays |= item_arrays(items) | {"user_keys": user_keys}
    return arrays | (users.arrays() if users else {})


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


def from_arrays(version: int, arrays: Mapping[str, NDArray[Any]], description: Mapping[str, Any]) -> Model:
    """Build a model from a version's files.

    Parameters
    ----------
    version : int
        Its number.
    arrays : mapping of str to ndarray
        As ``to_arrays`` named them.
    description : mapping
        From the manifest.

    Returns
    -------
    Model
        Checked.

    Raises
    ------
    ArtifactError
        If an array is missing, has a shape that does not fit the others, or holds a number that is not finite.
    """
    try:
        hyperparameters = Hyperparameters(**description["hyperparameters"])
        vectors: dict[str, Any] = {name: arrays[name] for name in _FACTORS}
        factors = Factors(hyperparameters=hyperparameters, **vectors)
        items = read_items(arrays)
        user_keys, users = arrays["user_keys"], TrainedUsers.read(arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"version {version} lacks something that this release needs: {error}") from error
    _check(version, factors, items, user_keys, users)
    popular = by_popularity(items.popularity)
    lengths = np.sqrt(np.einsum("if,if->i", factors.item_factors, factors.item_factors))
    longest = float(lengths.max(initial=0.0))
    return Model(version, description, factors, FoldIn.of(factors), items, user_keys, popular, lengths, longest, users)


def _check(
    version: int, factors: Factors, items: ItemTable, user_keys: NDArray[np.int64], users: TrainedUsers | None
) -> None:
    n_items, n_factors = factors.item_factors.shape
    fits = (
        factors.user_factors.shape == (len(user_keys), n_factors)
        and all(len(getattr(factors, name)) == n_factors for name in _PER_FACTOR)
        and factors.item_weights.shape == (n_items,)
        and len(items.item_ids) == len(items.titles) == n_items
        and items.item_keys.shape == items.hidden.shape == items.popularity.shape == (n_items,)
    )
    if not fits:
        raise ArtifactError(f"version {version} has arrays whose shapes contradict each other")
    if users is not None and not (
        len(users.user_digests) == len(users.user_indices) == len(users.history_offsets) - 1 == len(user_keys)
        and (users.history_offsets[-1:] == len(users.history_items)).all()
        and users.history_items.max(initial=-1) < n_items
    ):
        raise ArtifactError(f"version {version} has histories that do not fit its users")
    if not all(np.isfinite(getattr(factors, name)).all() for name in _FACTORS):
        raise ArtifactError(f"version {version} holds numbers that are not finite")
