"""The best items of a model and of its supplement as one list, though these are two tables, searched apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.factorization.quantized import QuantizedVectors
from app.factorization.top_n import After, Rescaling, top_n
from app.factorization.top_n_together import Search
from app.serving.item_table import Floats
from app.serving.shared_searches import Found, SharedSearches
from app.serving.strings import StringTable

_AS_THEY_ARE = Rescaling()
_NOTHING = np.empty(0, np.intp)


class SearchedItems(NamedTuple):
    """Items that are searched together."""

    vectors: QuantizedVectors
    """As top-n goes through them."""

    item_ids: StringTable
    """Their ids, in the order of their bytes."""


@dataclass(frozen=True, slots=True)
class ItemSearch:
    """Finds the best items; indices go through the parts one after another.

    Attributes
    ----------
    parts : tuple of SearchedItems
        The trained items, then those of a supplement if there is one.
    shared : SharedSearches
        Where threads that search the trained items meet.
    """

    parts: tuple[SearchedItems, ...]
    shared: SharedSearches

    def top_n(
        self,
        user_vectors: Floats,
        n: int,
        excluded: NDArray[np.bool_],
        *,
        out: NDArray[np.intp] = _NOTHING,
        after: After | None = None,
        rescalings: Sequence[Rescaling] = (_AS_THEY_ARE, _AS_THEY_ARE),
    ) -> Found:
        """Find the items with the highest scores.

        Parameters
        ----------
        user_vectors : ndarray of shape (n_factors,) or (n_users, n_factors), float32
            u; of several users an item has the least score.
        n : int
            How many.
        excluded : ndarray of shape (n_items,), bool
            Items that must not come.
        out : ndarray of shape (n_out,), intp
            Further items that must not come.
        after : After, optional
            The item that they come behind.
        rescalings : sequence of Rescaling
            One for each part.

        Returns
        -------
        item_indices : ndarray of shape (min(n, items left),), intp
            Best first, ties by item id.
        scores : ndarray of the same shape, float32
            Their scores.
        """
        after, trained = after or After(), self.parts[0].vectors
        is_one = len(self.parts) == 1
        if is_one and user_vectors.size == user_vectors.shape[-1] and rescalings[0] is _AS_THEY_ARE:
            return self.shared.top_n(trained, Search(user_vectors.reshape(-1), n, excluded, out, after))
        if len(out):
            excluded = excluded.copy()
            excluded[out] = True
        if is_one:
            return top_n(trained, user_vectors, n, excluded=excluded, after=after, rescaling=rescalings[0])
        return self._of_all_parts(user_vectors, n, excluded, after, rescalings)

    def _of_all_parts(
        self, user_vectors: Floats, n: int, excluded: NDArray[np.bool_], after: After, rescalings: Sequence[Rescaling]
    ) -> Found:
        found, scores, ids, first = [], [], [], 0
        last_id = self.item_id(after.item_index) if after.item_index >= 0 else None
        for part, rescaling in zip(self.parts, rescalings, strict=True):
            end = first + len(part.item_ids)
            # of equal scores those go on that have a later id, whichever part the last one was in
            start = after if last_id is None else After(after.score, part.item_ids.n_up_to(last_id) - 1)
            best, values = top_n(
                part.vectors, user_vectors, n, excluded=excluded[first:end], after=start, rescaling=rescaling
            )
            found.append(first + best)
            scores.append(values)
            ids += [part.item_ids[index].encode() for index in best.tolist()]
            first = end
        every, values = np.concatenate(found), np.concatenate(scores)
        order = sorted(range(len(every)), key=lambda place: (-values[place], ids[place]))[:n]
        return every[order], values[order]

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
        place = index
        for part in self.parts:
            if place < len(part.item_ids):
                break
            place -= len(part.item_ids)
        return part.item_ids[place]
