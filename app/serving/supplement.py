"""Items that came after a version was trained, with vectors that fit its own: a small immutable value beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import ArtifactError
from app.serving.item_table import Floats, ItemTable, item_arrays, read_items
from app.serving.model import Model
from app.serving.soundness import check_supplement

_OWN = ("item_factors", "item_weights", "is_cold")


@dataclass(frozen=True, slots=True)
class Supplement:
    """New items of a version; each supplement holds all of them, the highest number counts.

    Attributes
    ----------
    number : int
        From 1.
    items : ItemTable
        Their ids, titles and categories, in the order of the ids' bytes.
    item_factors : ndarray of shape (n_items, n_factors), float32
        Their vectors.
    item_weights : ndarray of shape (n_items,), float32
        c_i, which folding users in needs.
    is_cold : ndarray of shape (n_items,), bool
        Whether the vector is a guess from the categories, since nobody has rated the item.
    """

    number: int
    items: ItemTable
    item_factors: Floats
    item_weights: Floats
    is_cold: NDArray[np.bool_]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Name the arrays that a supplement's files hold.

        Returns
        -------
        dict of str to ndarray
            For ``read_supplement``.
        """
        return {name: getattr(self, name) for name in _OWN} | item_arrays(self.items)


def read_supplement(number: int, arrays: Mapping[str, NDArray[Any]], model: Model) -> Supplement:
    """Build a supplement from its files.

    Parameters
    ----------
    number : int
        Its number.
    arrays : mapping of str to ndarray
        As ``Supplement.arrays`` named them.
    model : Model
        What it belongs to.

    Returns
    -------
    Supplement
        Checked.

    Raises
    ------
    ArtifactError
        If an array is missing or not what it must be.
    """
    try:
        check_supplement(arrays, model.factors.item_factors.shape[1])
    except ArtifactError as error:
        raise ArtifactError(f"supplement {number} of version {model.version} cannot be served: {error}") from error
    own: dict[str, Any] = {name: arrays[name] for name in _OWN}
    return Supplement(number, read_items(arrays), **own)
