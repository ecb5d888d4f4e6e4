"""Room for quick searches of one model: as much as threads search at the same time."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.factorization.arrays import Floats
from app.factorization.fold_in import FoldIn
from app.factorization.quantized import QuantizedVectors
from app.factorization.quick_search import QuickSearch
from app.factorization.top_n import frozen
from app.serving.shared_searches import QUICK


@dataclass(frozen=True, slots=True)
class QuickSearches:
    """Hands out a quick search to whoever needs one, and takes it back.

    Attributes
    ----------
    fold_in : FoldIn
        The model's.
    items : QuantizedVectors
        The same items.
    vectors : ndarray of shape (n_items, n_factors), float32
        Theirs, put together once.
    index_by_key : ndarray of shape (n_keys,), int32
        The item that a rating's key stands for; -1 for none.
    """

    fold_in: FoldIn
    items: QuantizedVectors
    vectors: Floats
    index_by_key: NDArray[np.int32]
    _spare: list[QuickSearch] = field(default_factory=list)

    @classmethod
    def of(cls, fold_in: FoldIn, items: QuantizedVectors, index_by_key: NDArray[np.int32]) -> "QuickSearches | None":
        """Prepare quick searches of a model.

        Parameters
        ----------
        fold_in : FoldIn
            The model's.
        items : QuantizedVectors
            The same items.
        index_by_key : ndarray of shape (n_keys,), int32
            The item that a rating's key stands for.

        Returns
        -------
        QuickSearches or None
            None for a large catalogue, and where more than a user's ratings decides, or some weigh more than others.
        """
        is_simple = not len(fold_in.item_selection) and not fold_in.hyperparameters.recency
        return cls(fold_in, items, frozen(items[:]), index_by_key) if is_simple and items.size <= QUICK else None

    def take(self) -> QuickSearch:
        """Have one for oneself, until it is given back.

        Returns
        -------
        QuickSearch
            Nobody else's; one that failed is better not given back.
        """
        try:
            return self._spare.pop()
        except IndexError:
            return QuickSearch(self.fold_in, self.items, self.vectors, self.index_by_key)

    def give_back(self, search: QuickSearch) -> None:
        """Let others have it.

        Parameters
        ----------
        search : QuickSearch
            From ``take``.
        """
        self._spare.append(search)
