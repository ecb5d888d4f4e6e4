"""Trained items and those of a supplement, searched as one list."""

import numpy as np

from app.factorization.quantized import QuantizedVectors
from app.factorization.top_n import After
from app.serving.item_search import ItemSearch, SearchedItems
from app.serving.shared_searches import SharedSearches
from app.serving.strings import StringTable


def test_pages_of_equal_scores_go_by_id_through_both_parts():
    rng = np.random.default_rng(0)
    vectors = rng.integers(0, 2, (40, 2)).astype(np.float32)  # of which there are four kinds
    item_ids = sorted(f"i{number}" for number in range(25)) + sorted(f"i{number}" for number in range(25, 40))
    parts = [
        SearchedItems(QuantizedVectors.of(vectors[part]), StringTable.of(item_ids[part]))
        for part in (slice(25), slice(25, None))
    ]
    search, user = ItemSearch(tuple(parts), SharedSearches()), np.array([1.0, 2.0], np.float32)
    scores = vectors @ user
    wanted = sorted(range(40), key=lambda index: (-scores[index], item_ids[index]))

    seen: list[int] = []
    after = After()
    for _ in range(14):
        page, values = search.top_n(user, 3, np.zeros(40, np.bool_), after=after)
        seen += page.tolist()
        after = After(float(values[-1]), int(page[-1])) if len(page) else after
    assert seen == wanted
