"""Lists for several users in one pass are those of one pass each, to the last bit."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.factorization.quantized import QuantizedVectors
from app.factorization.top_n import After, scores_of
from app.factorization.top_n_together import MOST_TOGETHER, Search, top_n_together
from tests.unit.factorization.test_top_n import (
    KINDS,
    LEFT_OVER,
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
    for user, of_user in zip(U, left, strict=True):
        place = int(rng.integers(n_items))
        after = After(float(reference_scores(V, user)[place]), place) if rng.random() < 0.5 else After()
        excluded = common if rng.random() < 0.5 else excluded_of(of_user, rng, n_items)
        searches.append(Search(user, int(rng.integers(0, 300)), excluded, out[: rng.integers(n_items)], after))
    lists = top_n_together(QuantizedVectors.of(V), searches)
    for (found, scores), search in zip(lists, searches, strict=True):
        every, excluded = reference_scores(V, search.user_vector), search.excluded.copy()
        excluded[search.out] = True
        assert found.tolist() == plain_sort(every, search.n, excluded, search.after)
        assert scores.tobytes() == every[found].tobytes()


def test_few_scores_are_computed_of_many_items() -> None:
    rng = np.random.default_rng(3)
    V, u = rng.standard_normal((20_000, 32)).astype(np.float32), rng.standard_normal(32).astype(np.float32)
    V = V[np.argsort(-reference_scores(V, u))]  # the best come first, so that the threshold is there at once
    items, nothing = QuantizedVectors.of(V), np.zeros(len(V), np.bool_)
    lured = V.copy()
    lured[64:][scores_of(V[64:], u) < 0.8 * scores_of(V[:10], u).min()] = 100 * u  # whoever looks at one takes it
    spoilt = QuantizedVectors(lured, items.levels, items.steps, items.scales, items.inverse_lengths)
    searches = [Search(u, 10, nothing)] * 5
    assert [found.tolist() for found, _ in top_n_together(spoilt, searches)] == [list(range(10))] * 5
    assert all(found.min() >= 64 for found, _ in top_n_together(QuantizedVectors.of(lured), searches))
