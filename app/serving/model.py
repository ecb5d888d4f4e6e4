"""A trained model as requests see it: an immutable value, made of the arrays of a version's files.

``to_arrays`` and ``from_arrays`` are the two sides of the file format. What can be computed from a version's own arrays
but takes a while, lies in its files too: then it is computed once, and the processes share its memory.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import ArtifactError
from app.factorization.fold_in import FoldIn
from app.factorization.hyperparameters import Hyperparameters
from app.factorization.objective import Factors, FactorsOf
from app.factorization.quantized import QuantizedVectors
from app.serving.categories import CategoryLikeness
from app.serving.item_table import ItemTable, by_popularity, item_arrays, read_items
from app.serving.quick_searches import QuickSearches
from app.serving.shared_searches import SharedSearches
from app.serving.soundness import check_model
from app.serving.trained_users import TrainedUsers


@dataclass(frozen=True, slots=True)
class Model:
    """One version, whole.

    Attributes
    ----------
    version : int
        Its number.
    description : dict
        As in its manifest: method, hyper-parameters, metrics, what it was trained on.
    factors : FactorsOf of QuantizedVectors
        User and item factors as top-n goes through them, the mean user, the Gramian's diagonal, the hyper-parameters.
    fold_in : FoldIn
        What turns ratings into a user's vector.
    items : ItemTable
        Ids, titles, categories.
    user_keys : ndarray of shape (n_users,), int64
        The store's keys of the trained users, ascending.
    popular : ndarray of shape (n_items,), int32
        Item indices, the most rated first, ties by item id.
    categories : CategoryLikeness
        What items have in common besides who likes them.
    users : TrainedUsers or None
        Who was trained on; None in versions that were made without them.
    searches : SharedSearches
        Where threads that search the items meet.
    quick_searches : QuickSearches or None
        For plain questions, where the catalogue is small.
    """

    version: int
    description: Mapping[str, Any]
    factors: FactorsOf[QuantizedVectors]
    fold_in: FoldIn
    items: ItemTable
    user_keys: NDArray[np.int64]
    popular: NDArray[np.int32]
    categories: CategoryLikeness
    users: TrainedUsers | None = None
    searches: SharedSearches = field(default_factory=SharedSearches)
    quick_searches: QuickSearches | None = None


_SIDES = ("user", "item")
_OTHERWISE = {"hyperparameters", *(f"{side}_factors" for side in _SIDES)}
_FACTORS = tuple(each.name for each in fields(FactorsOf) if each.name not in _OTHERWISE)


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
    arrays |= item_arrays(items) | {"user_keys": user_keys, "popular": by_popularity(items.popularity)}
    for side in _SIDES:
        arrays |= QuantizedVectors.of(getattr(factors, f"{side}_factors")).arrays(side)
    return arrays | (users.arrays() if users else {})


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
        If an array is missing or not what it must be.
    """
    try:
        hyperparameters = Hyperparameters.read(description["hyperparameters"])
        arrays = _in_this_format(arrays)
        check_model(arrays, description)
        named: dict[str, Any] = {name: arrays[name] for name in _FACTORS}
        named |= {f"{side}_factors": QuantizedVectors.read(arrays, side) for side in _SIDES}
        factors = FactorsOf[QuantizedVectors](hyperparameters=hyperparameters, **named)
        items = read_items(arrays)
        user_keys, users = arrays["user_keys"], TrainedUsers.read(arrays)
    except (ArtifactError, KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"version {version} is not what this release needs: {error}") from error
    fold_in, likeness = FoldIn.of(factors), CategoryLikeness.of(items)
    return Model(
        version,
        description,
        factors,
        fold_in,
        items,
        user_keys,
        arrays["popular"],
        likeness,
        users,
        quick_searches=QuickSearches.of(fold_in, factors.item_factors, items.index_by_key),
    )


def _in_this_format(arrays: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
    # the release before this one kept vectors as float32, and their levels in another grid beside them
    kept = {side: arrays[f"{side}_factors"] for side in _SIDES if f"{side}_factors" in arrays}
    for side, vectors in kept.items():
        if vectors.dtype.str != "<f4" or vectors.ndim != 2 or f"{side}_residuals" in arrays:
            raise ArtifactError(
                f"{side}_factors is of type {vectors.dtype.str} with {vectors.ndim} axes, or there twice"
            )
        if not np.isfinite(vectors).all():
            raise ArtifactError(f"{side}_factors holds numbers that are not finite")
        arrays = {**arrays, **QuantizedVectors.of(vectors).arrays(side)}
    return arrays
