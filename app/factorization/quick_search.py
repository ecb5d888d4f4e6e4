"""Folding a user in and finding the best items with few calls and hardly a new array.

In a small catalogue the kernels take less time than handing them arrays does. What is found is what `fold_in` and
`top_n` find, to the last bit, for the same kernels find it.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.factorization.arrays import Doubles, Floats
from app.factorization.compiled import compiled_in_place
from app.factorization.fold_in import FoldIn
from app.factorization.gathering import room_for
from app.factorization.half_epoch import solve_rows
from app.factorization.packing import unpacked
from app.factorization.quantized import QuantizedVectors
from app.factorization.side import Side
from app.factorization.top_n import After, frozen, scan

MOST_RATINGS = 1_000
MOST_FOUND = 101

_BEGINNING = After()
_NONE = frozen(np.empty(0, np.float32))
_ALL_ONES = np.empty(0, np.float32)
_PLACES = np.arange(MOST_RATINGS, dtype=np.int32)


class QuickFound(NamedTuple):
    """A user's vector and best items."""

    user_vector: Floats
    """u, ndarray of shape (n_factors,), float32."""

    rated: NDArray[np.intp]
    """Ascending indices of the rated items that the model knows, ndarray of shape (n_rated,), intp."""

    item_indices: NDArray[np.intp]
    """Best first, ties by ascending index, ndarray of shape (min(n, items left),), intp."""

    scores: Floats
    """v·u, ndarray of the same shape, float32."""


class QuickSearch:
    """Room to work in, for one question at a time.

    Parameters
    ----------
    fold_in : FoldIn
        The model's; without selection.
    items : QuantizedVectors
        The same items.
    vectors : ndarray of shape (n_items, n_factors), float32
        Theirs, put together once.
    index_by_key : ndarray of shape (n_keys,), int32
        The item that a rating's key stands for; -1 for none.
    """

    def __init__(
        self, fold_in: FoldIn, items: QuantizedVectors, vectors: Floats, index_by_key: NDArray[np.int32]
    ) -> None:
        n_items, n_factors = vectors.shape
        self._fold_in, self._index_by_key = fold_in, frozen(index_by_key, np.int32)
        self._vectors, self._item_weights = frozen(vectors), frozen(fold_in.item_weights)
        self._searched = self._vectors, items.levels, items.residuals, items.steps, items.scales
        self._packed, self._room = unpacked(n_factors), room_for(MOST_RATINGS, n_factors)
        self._rated = np.empty(MOST_RATINGS, np.int64)
        self._gathered = np.empty((MOST_RATINGS, n_factors), np.float32)
        self._targets, self._weights = np.empty((2, MOST_RATINGS), np.float32)
        self._ends, self._regularization = np.zeros(2, np.int64), np.empty(1, np.float32)
        ratings = self._ends, _PLACES, self._targets, _ALL_ONES, self._regularization, self._weights
        self._side = Side(*ratings)  # of which the first row's end says how much counts
        self._excluded, self._user = np.empty(n_items, np.bool_), np.zeros((1, n_factors), np.float32)
        self._frozen_excluded, self._frozen_user = frozen(self._excluded, np.bool_), frozen(self._user)
        self._found, self._scores = np.empty(MOST_FOUND, np.int64), np.empty(MOST_FOUND, np.float32)

    def find(
        self,
        keys: NDArray[np.int64],
        targets: Doubles,
        n: int,
        excluded: NDArray[np.bool_],
        out: NDArray[np.intp],
        *,
        exclude_rated: bool,
    ) -> QuickFound | None:
        """Find a user's best items.

        Parameters
        ----------
        keys : ndarray of shape (n_ratings,), int64
            Of the rated items, `MOST_RATINGS` at most; no item twice.
        targets : ndarray of shape (n_ratings,), float64
            a_ui.
        n : int
            How many, `MOST_FOUND` at most.
        excluded : ndarray of shape (n_items,), bool
            Items that must not come.
        out : ndarray of shape (n_out,), intp
            Further items that must not come.
        exclude_rated : bool
            Whether rated items must not come either.

        Returns
        -------
        QuickFound or None
            None where the model knows none of the rated items.
        """
        n_rated = _lay_out(
            keys,
            targets,
            self._index_by_key,
            self._vectors,
            self._item_weights,
            exclude_rated,
            frozen(excluded, np.bool_),
            self._rated,
            self._targets,
            self._weights,
            self._gathered,
            self._excluded,
        )
        if not n_rated:
            return None
        self._excluded[out] = True
        self._ends[1] = n_rated
        self._regularization[:] = self._fold_in.regularization(n_rated)
        self._user[:] = 0
        shared = self._fold_in.shared
        solve_rows(0, 1, self._side, self._gathered, self._packed, shared, 0, 0.0, self._user, self._room)
        n = min(n, len(self._excluded))
        found, scores = self._found[:n], self._scores[:n]
        n_found = scan(
            *self._searched,
            self._frozen_user,
            self._frozen_excluded,
            np.float32(_BEGINNING.score),
            _BEGINNING.item_index,
            _NONE,
            _NONE,
            found,
            scores,
        )
        rated, best = self._rated[:n_rated].astype(np.intp), found[:n_found].astype(np.intp)
        return QuickFound(self._user[0].copy(), rated, best, scores[:n_found].copy())


@compiled_in_place
def _lay_out(
    keys: NDArray[np.int64],
    targets_by_key: Doubles,
    index_by_key: NDArray[np.int32],
    vectors: Floats,
    item_weights: Floats,
    exclude_rated: bool,
    hidden: NDArray[np.bool_],
    rated: NDArray[np.int64],
    targets: Floats,
    weights: Floats,
    gathered: Floats,
    excluded: NDArray[np.bool_],
) -> int:
    # sorted by item, since equal histories are to give equal bytes
    n_rated = 0
    for place in range(len(keys)):
        index = index_by_key[keys[place]] if 0 <= keys[place] < len(index_by_key) else -1
        if index >= 0:
            rated[n_rated], targets[n_rated] = index, targets_by_key[place]
            n_rated += 1
    gap = n_rated // 2
    while gap > 0:  # Shell's sort
        for place in range(gap, n_rated):
            index, target, at = rated[place], targets[place], place
            while at >= gap and rated[at - gap] > index:
                rated[at], targets[at] = rated[at - gap], targets[at - gap]
                at -= gap
            rated[at], targets[at] = index, target
        gap //= 2
    for index in range(len(excluded)):
        excluded[index] = hidden[index]
    for place in range(n_rated):
        index = rated[place]
        weights[place] = item_weights[index]
        for f in range(vectors.shape[1]):
            gathered[place, f] = vectors[index, f]
        if exclude_rated:
            excluded[index] = True
    return n_rated
