"""The ratings of the store as the matrix that a fit takes, with what its rows and columns stand for."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csc_array, csr_array

from app.config import Settings
from app.serving.item_table import ItemTable
from app.storage import catalogue
from app.storage.training_data import TrainingData

_SPARSE = 1_000_000  # keys, of which a flag each is no matter


@dataclass(frozen=True, slots=True)
class Arranged:
    """Users, items and targets, numbered.

    Attributes
    ----------
    items : ItemTable
        The rated items, in the order of their ids' bytes.
    user_keys : ndarray of shape (n_users,), int64
        The store's keys of the users, ascending.
    user_items : csr_array of shape (n_users, n_items), float32
        The targets, sorted.
    timestamps : ndarray of shape (n_ratings,), int64
        Microseconds, in the order of ``user_items.data``.
    """

    items: ItemTable
    user_keys: NDArray[np.int64]
    user_items: csr_array
    timestamps: NDArray[np.int64]

    @property
    def item_categories(self) -> csr_array:
        """Which item is in which category: csr_array of shape (n_items, n_categories), float32."""
        members, offsets = self.items.category_items, self.items.category_offsets
        shape = (len(self.items.item_keys), len(offsets) - 1)
        return csc_array((np.ones(len(members), np.float32), members, offsets), shape=shape).tocsr()


def arrange(data: TrainingData, rows: list[catalogue.CatalogueRow], settings: Settings) -> Arranged:
    """Give users and items numbers, and put the targets into a matrix.

    Parameters
    ----------
    data : TrainingData
        All ratings.
    rows : list of CatalogueRow
        All items, in the order of their ids' bytes.
    settings : Settings
        The rating scale.

    Returns
    -------
    Arranged
        Items without ratings are left out.
    """
    rated = set(_numbered(data.item_keys)[0].tolist())
    kept = [row for row in rows if row.item_key in rated]
    table = ItemTable.of(
        item_keys=np.array([row.item_key for row in kept], np.int64),
        item_ids=[row.item_id for row in kept],
        titles=[row.title for row in kept],
        categories=[row.categories for row in kept],
        hidden=[row.hidden for row in kept],
        popularity=np.zeros(len(kept)),
    )
    item_indices = table.indices_of(data.item_keys)
    user_keys, user_indices = _numbered(data.user_keys)
    user_items, order = target_matrix(
        user_indices, item_indices, data.values, settings, shape=(len(user_keys), len(kept))
    )
    table.popularity[:] = np.bincount(item_indices, minlength=len(kept))
    return Arranged(table, user_keys, user_items, data.timestamps[order])


def _numbered(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.integer]]:
    # the distinct keys, ascending, and of each key its place among them; without sorting where keys lie close together
    if not len(keys) or keys.max() > _SPARSE + 8 * len(keys):
        return np.unique(keys, return_inverse=True)
    is_there = np.zeros(keys.max() + 1, bool)
    is_there[keys] = True
    return np.flatnonzero(is_there), (np.cumsum(is_there) - 1)[keys]


def leave_out_unusable(data: TrainingData, settings: Settings) -> TrainingData:
    """Drop ratings that are no numbers or lie beyond the scale, which only a hand at the database can have stored.

    Parameters
    ----------
    data : TrainingData
        As the store holds them.
    settings : Settings
        The rating scale.

    Returns
    -------
    TrainingData
        The same when all are usable.
    """
    is_usable = (data.values >= settings.rating_min) & (data.values <= settings.rating_max)  # NaN is neither
    if is_usable.all():
        return data
    columns = {name: getattr(data, name)[is_usable] for name in ("user_keys", "item_keys", "values", "timestamps")}
    return replace(data, **columns)


def target_matrix(
    user_indices: NDArray[np.integer],
    item_indices: NDArray[np.integer],
    values: NDArray[np.float64],
    settings: Settings,
    *,
    shape: tuple[int, int],
) -> tuple[csr_array, NDArray[np.intp]]:
    """Put ratings into a matrix of targets.

    Parameters
    ----------
    user_indices, item_indices : ndarray of shape (n_ratings,), int
        Whose rating, of what; no pair twice.
    values : ndarray of shape (n_ratings,), float64
        On the rating scale.
    settings : Settings
        The rating scale.
    shape : tuple of int
        n_users and n_items.

    Returns
    -------
    user_items : csr_array of shape (n_users, n_items), float32
        a_ui = (r_ui − r_min) / (r_max − r_min), sorted.
    order : ndarray of shape (n_ratings,), intp
        Where each of its entries stood among the ratings.
    """
    # two transpositions sort by item and then by user, each in one pass; with 64 bits a number they take twice as long
    kind: Any = np.int32 if len(values) < 1 << 31 else np.int64
    numbers = np.arange(len(values), dtype=kind)
    places = coo_array((numbers, (user_indices.astype(kind), item_indices.astype(kind))), shape=shape).tocsc().tocsr()
    order = places.data.astype(np.intp)
    targets = ((values[order] - settings.rating_min) / (settings.rating_max - settings.rating_min)).astype(np.float32)
    matrix = csr_array((targets, places.indices, places.indptr.astype(np.int64)), shape=shape)
    matrix.has_canonical_format = True
    return matrix, order
