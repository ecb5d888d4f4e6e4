"""What items have in common by their categories, as a version knows them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.serving.item_table import Floats, ItemTable


@dataclass(frozen=True, slots=True)
class CategoryLikeness:
    """Compares items by their content vectors, which have log(n_items / n_members) for each of an item's categories.

    Attributes
    ----------
    items : ItemTable
        The items.
    rarities : ndarray of shape (n_categories,), float64
        log(n_items / n_members).
    lengths : ndarray of shape (n_items,), float32
        Of the content vectors; 0 where there is nothing to compare.
    """

    items: ItemTable
    rarities: NDArray[np.float64]
    lengths: Floats

    @classmethod
    def of(cls, items: ItemTable) -> "CategoryLikeness":
        """Prepare comparing items.

        Parameters
        ----------
        items : ItemTable
            The items.

        Returns
        -------
        CategoryLikeness
            Ready to use.
        """
        n_items, sizes = len(items.item_keys), np.diff(items.category_offsets)
        rarities = np.log(n_items / np.maximum(sizes, 1))
        squares = np.bincount(items.category_items, np.repeat(rarities**2, sizes), minlength=n_items)
        return cls(items, rarities, np.sqrt(squares).astype(np.float32))

    def cosines(self, seeds: NDArray[np.intp]) -> Floats | None:
        """Compare all items with the mean of the unit vectors of some.

        Parameters
        ----------
        seeds : ndarray of shape (n_seeds,), intp
            Items of the version.

        Returns
        -------
        ndarray of shape (n_items,), float32, or None
            0 where ``lengths`` is; None where none of the seeds has anything to compare.
        """
        items = self.items
        is_seed = np.zeros(len(self.lengths), np.bool_)
        is_seed[seeds] = self.lengths[seeds] > 0
        entries = np.flatnonzero(is_seed[items.category_items])
        of_entries = np.searchsorted(items.category_offsets, entries, side="right") - 1
        shares = self.rarities[of_entries] / self.lengths[items.category_items[entries]]
        wanted = np.bincount(of_entries, shares, minlength=len(self.rarities))
        norm = float(np.linalg.norm(wanted))
        if not norm:
            return None
        products = np.zeros(len(self.lengths), np.float32)
        for category in np.flatnonzero(wanted).tolist():
            members = items.category_items[items.category_offsets[category] : items.category_offsets[category + 1]]
            products[members] += np.float32(wanted[category] * self.rarities[category] / norm)
        cosines: Floats = np.divide(products, self.lengths, out=np.zeros_like(products), where=self.lengths > 0)
        return cosines
