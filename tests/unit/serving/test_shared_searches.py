"""Searches that meet find what each would have found alone."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from app.factorization.quantized import QuantizedVectors
from app.factorization.top_n import After, top_n
from app.factorization.top_n_together import MOST_TOGETHER, Search, top_n_together
from app.serving import shared_searches
from app.serving.shared_searches import Found, SharedSearches

N_ITEMS, N_FACTORS = 3_000, 8


def searches(n: int, rng: np.random.Generator) -> list[Search]:
    users = rng.standard_normal((n, N_FACTORS)).astype(np.float32)
    afters, hidden, out = [After(), After(0.5, 100)], rng.random(N_ITEMS) < 0.2, rng.choice(N_ITEMS, 500, replace=False)
    return [Search(user, int(rng.integers(1, 40)), hidden, out, afters[i % 2]) for i, user in enumerate(users)]


def alone(items: QuantizedVectors, search: Search) -> Found:
    excluded = search.excluded.copy()
    excluded[search.out] = True
    return top_n(items, search.user_vector, search.n, excluded=excluded, after=search.after)


@pytest.fixture
def items() -> QuantizedVectors:
    return QuantizedVectors.of(np.random.default_rng(1).standard_normal((N_ITEMS, N_FACTORS)).astype(np.float32))


def test_a_hundred_threads_at_once_find_what_each_finds_alone(items: QuantizedVectors, monkeypatch: pytest.MonkeyPatch):
    sizes: list[int] = []
    wanted = searches(100, np.random.default_rng(2))
    begin = threading.Barrier(len(wanted))

    def counted(items: QuantizedVectors, together: Sequence[Search]) -> list[Found]:
        sizes.append(len(together))
        return top_n_together(items, together)

    monkeypatch.setattr(shared_searches, "top_n_together", counted)
    meeting = SharedSearches(n_passes=1, quick=0)

    def look(search: Search) -> Found:
        begin.wait()
        return meeting.top_n(items, search)

    for _ in range(5):
        with ThreadPoolExecutor(len(wanted)) as threads:
            found = list(threads.map(look, wanted))
        for (indices, scores), search in zip(found, wanted, strict=True):
            expected, expected_scores = alone(items, search)
            assert indices.tolist() == expected.tolist()
            assert scores.tobytes() == expected_scores.tobytes()
    assert sizes  # they did meet
    assert max(sizes) <= MOST_TOGETHER


def test_one_that_fails_stops_nobody_behind_it(items: QuantizedVectors, monkeypatch: pytest.MonkeyPatch):
    entered, go_on = threading.Event(), threading.Event()

    def failing(*_: object, **__: object) -> Found:
        entered.set()
        go_on.wait()
        raise MemoryError

    wanted, meeting = searches(9, np.random.default_rng(3)), SharedSearches(n_passes=1, quick=0)
    monkeypatch.setattr(shared_searches, "top_n", failing)
    with ThreadPoolExecutor(len(wanted)) as threads:
        first = threads.submit(meeting.top_n, items, wanted[0])
        entered.wait()
        others = [threads.submit(meeting.top_n, items, search) for search in wanted[1:]]
        while len(meeting._waiting) < len(others):
            pass
        go_on.set()
        with pytest.raises(MemoryError):
            first.result(timeout=120)
        for other, search in zip(others, wanted[1:], strict=True):
            assert other.result(timeout=120)[0].tolist() == alone(items, search)[0].tolist()


def test_a_short_search_waits_for_nobody(items: QuantizedVectors):
    meeting = SharedSearches(n_passes=1)
    meeting._n_free = 0
    (search,) = searches(1, np.random.default_rng(4))
    assert meeting.top_n(items, search)[0].tolist() == alone(items, search)[0].tolist()
