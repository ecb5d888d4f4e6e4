"""Loading the kernels before the first answer needs them, or compiling them where that has not been done yet."""

import numpy as np

from app.factorization.fold_in import FoldIn
from app.factorization.hyperparameters import Hyperparameters
from app.factorization.objective import Factors
from app.factorization.quantized import QuantizedVectors
from app.factorization.quick_search import QuickSearch
from app.factorization.top_n import scores_of, top_n
from app.factorization.top_n_together import Search, top_n_together
from app.serving.packed_integers import pack_integers
from app.serving.strings import MANY, StringTable


def load_kernels() -> None:
    """Fold one user in and find one item, of a model that knows nothing."""
    hyperparameters = Hyperparameters(n_factors=1)
    zero, one, nothing = np.zeros((1, 1), np.float32), np.ones(1, np.float32), np.empty((0, 1), np.float32)
    factors = Factors(
        user_factors=zero,
        item_factors=zero,
        mean_user=zero[0],
        mean_item=zero[0],
        user_is_free=one,
        item_is_free=one,
        item_gramian=one,
        item_weights=one,
        mean_discount=np.array(1, np.float32),
        item_selection=nothing,
        user_selection=nothing,
        hyperparameters=hyperparameters,
    )
    user = FoldIn.of(factors).fold_in_user([0], [1.0])
    items, search = QuantizedVectors.of(zero), Search(user, 1, np.zeros(1, np.bool_))
    top_n(items, user, 1)
    QuickSearch(FoldIn.of(factors), items, zero, np.zeros(1, np.int32)).find(
        np.zeros(1, np.int64), np.ones(1), 1, np.zeros(1, np.bool_), np.zeros(0, np.intp), exclude_rated=True
    )
    top_n_together(items, [search])
    scores_of(items[:1], user)
    pack_integers([1])
    names = StringTable.of(["a"])
    for offsets in (names.offsets.astype(np.int32), names.offsets.astype(np.int64)):
        StringTable(names.text, offsets).places_of(["a"] * MANY)
