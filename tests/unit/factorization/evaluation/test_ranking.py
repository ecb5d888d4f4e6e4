"""Rankings are of the whole catalogue, exact, and made by the vectors that serve."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array, random_array

from app.factorization.evaluation.ranking import fold_in_users, rank_items, score_pairs
from app.factorization.fit import fit
from app.factorization.fold_in import FoldIn
from app.factorization.hyperparameters import Hyperparameters
from app.factorization.quantized import QuantizedVectors
from app.factorization.row_blocks import RowBlocks, threads
from app.factorization.top_n import top_n


def some_ratings(seed=0, n_users=40, n_items=25):
    matrix = random_array((n_users, n_items), density=0.3, rng=np.random.default_rng(seed), dtype=np.float32).tocsr()
    matrix.sort_indices()
    return csr_array(matrix)


@pytest.mark.parametrize("method", ["popularity", "svd", "observed", "weighted"])
def test_users_are_folded_in_as_serving_does(method):
    matrix = some_ratings()
    fold_in = FoldIn.of(fit(matrix, Hyperparameters(n_factors=6, n_epochs=2), method=method))
    vectors = fold_in_users(fold_in, matrix, RowBlocks())
    for u, vector in enumerate(vectors):
        row = slice(matrix.indptr[u], matrix.indptr[u + 1])
        assert vector.tobytes() == fold_in.fold_in_user(matrix.indices[row], matrix.data[row]).tobytes()


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 40), st.booleans())
def test_lists_are_the_best_of_all_items_not_rated(seed, n, has_ties):
    rng = np.random.default_rng(seed)
    U, V = rng.standard_normal((13, 4), np.float32), rng.standard_normal((25, 4), np.float32)
    if has_ties:
        U, V = np.round(U), np.round(V)
    excluded = some_ratings(seed, 13)
    with threads(2) as rows:
        lists = rank_items(U, V, excluded, n, rows)
    for u in range(13):
        rated = np.zeros(25, np.bool_)
        rated[excluded.indices[excluded.indptr[u] : excluded.indptr[u + 1]]] = True
        expected, _ = top_n(QuantizedVectors.of(V), U[u], n, excluded=rated)
        assert lists[u][lists[u] >= 0].tolist() == expected.tolist()
        assert not rated[lists[u][lists[u] >= 0]].any()


def test_scores_of_pairs_are_their_dot_products():
    rng = np.random.default_rng(0)
    U, V, pairs = rng.random((40, 4), np.float32), rng.random((25, 4), np.float32), some_ratings()
    users = np.repeat(np.arange(40), np.diff(pairs.indptr))
    np.testing.assert_allclose(score_pairs(U, V, pairs, RowBlocks()), (U[users] * V[pairs.indices]).sum(1), rtol=1e-5)
