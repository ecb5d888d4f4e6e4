"""Lists for several users in one pass are those of one pass each, to the last bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.factorization import top_n_together as searching
from app.factorization.quantized import QuantizedVectors
from app.factorization.top_n import After
from app.factorization.top_n_together import MOST_TOGETHER, Search, top_n_together
from tests.unit.factorization.test_top_n import (
    KINDS,
    LEFT_OVER,
    counted,
    excluded_of,
    plain_sort,
    reference_scores,
    vectors_of,
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(0, 10_000), KINDS, st.lists(LEFT_OVER, min_size=1, max_size=MOST_TOGETHER))
def test_each_list_equals_a_plain_sort(seed: int, kind: str, left: list[str]) -> None:
    rng = np.random.default_rng(seed)
    n_items, n_factors = int(rng.integers(1, 400)), int(rng.integers(1, 20))
    V, U = vectors_of(kind, rng, n_items, n_factors), vectors_of(kind, rng, len(left), n_factors)
    searches, common, out = [], rng.random(n_items) < 0.1, rng.choice(n_items, n_items // 3, replace=False)
    items = QuantizedVectors.of(V)
    V = items[:]
    for user, of_user in zip(U, left, strict=True):
        place = int(rng.integers(n_items))
        after = After(float(reference_scores(V, user)[place]), place) if rng.random() < 0.5 else After()
        excluded = common if rng.random() < 0.5 else excluded_of(of_user, rng, n_items)
        searches.append(Search(user, int(rng.integers(0, 300)), excluded, out[: rng.integers(n_items)], after))
    lists = top_n_together(items, searches)
    for (found, scores), search in zip(lists, searches, strict=True):
        every, excluded = reference_scores(V, search.user_vector), search.excluded.copy()
        excluded[search.out] = True
        assert found.tolist() == plain_sort(every, search.n, excluded, search.after)
        assert scores.tobytes() == every[found].tobytes()


def test_few_scores_are_computed_of_many_items(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    V, u = rng.standard_normal((20_000, 32)).astype(np.float32), rng.standard_normal(32).astype(np.float32)
    items, looked_at = QuantizedVectors.of(V), counted(monkeypatch, searching, "_scan_together")
    nothing = np.zeros(len(V), np.bool_)
    expected = plain_sort(reference_scores(items[:], u), 10, nothing)
    searches = [Search(u, 10, nothing)] * 2
    assert [found.tolist() for found, _ in top_n_together(items, searches)] == [expected] * 2
    assert 20 <= len(looked_at) < 400
