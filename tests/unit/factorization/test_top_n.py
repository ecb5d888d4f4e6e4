"""The best n, exactly as a sort would find them, to the last bit of every score."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.factorization import top_n as searching
from app.factorization.arrays import Floats
from app.factorization.quantized import QuantizedVectors
from app.factorization.top_n import After, Rescaling, _set_scores, best_of, scan, scores_of, top_n

BEGINNING = After()


def reference_scores(vectors: Floats, users: Floats) -> Floats:
    """Score in double precision, in four sums of every fourth factor, then what is left; of several users the least."""
    each: list[Floats] = []
    for user in np.atleast_2d(users):
        products = vectors.astype(np.float64) * user.astype(np.float64)
        n_in_fours = products.shape[1] // 4 * 4
        sums = np.zeros((4, len(vectors)))
        for f in range(n_in_fours):
            sums[f % 4] += products[:, f]
        total = (sums[0] + sums[1]) + (sums[2] + sums[3])
        for column in products.T[n_in_fours:]:
            total = total + column
        each.append(total.astype(np.float32))
    least = each[0]
    for other in each[1:]:
        least = np.where(other < least, other, least)  # of 0 and -0, which are equal, the first
    return least


def plain_sort(scores: Floats, n: int, excluded: np.ndarray, after: After = BEGINNING) -> list[int]:
    """Sort everything."""
    behind = [
        i
        for i in np.flatnonzero(~excluded).tolist()
        if scores[i] < after.score or (scores[i] == after.score and i > after.item_index)
    ]
    return sorted(behind, key=lambda i: (-scores[i], i))[:n]


def vectors_of(kind: str, rng: np.random.Generator, n: int, n_factors: int) -> Floats:
    """Draw vectors of a kind."""
    V = rng.standard_normal((n, n_factors)).astype(np.float32)
    if kind == "whole":  # many ties
        V = rng.integers(-2, 3, (n, n_factors)).astype(np.float32)
    elif kind == "decaying":  # as trained: few columns hold most, lengths differ much
        V *= np.arange(1, n_factors + 1, dtype=np.float32) ** -2 * rng.lognormal(0, 2, (n, 1)).astype(np.float32)
    elif kind == "alike":  # as good as equal: bounds decide nothing
        V = (V[:1] + 1e-6 * V).astype(np.float32)
    elif kind == "tiny":
        V *= np.float32(1e-25)
    elif kind == "huge":
        V *= np.float32(1e15)
    elif kind == "zero":
        V[:, rng.random(n_factors) < 0.5] = 0
        V[rng.random(n) < 0.3] = 0
    return V


KINDS = st.sampled_from(["normal", "whole", "decaying", "alike", "tiny", "huge", "zero"])
LEFT_OVER = st.sampled_from(["all", "some", "none", "one", "all but one"])


def excluded_of(left: str, rng: np.random.Generator, n: int) -> np.ndarray:
    """Leave out as many as a filter would."""
    if left == "some":
        return rng.random(n) < 0.4
    excluded = np.full(n, left in {"none", "one"})
    if n and left in {"one", "all but one"}:
        excluded[rng.integers(n)] ^= True
    return excluded


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.integers(0, 10_000), KINDS, LEFT_OVER, st.integers(0, 300), st.integers(1, 3))
def test_the_kernel_equals_a_plain_sort(seed: int, kind: str, left: str, n: int, n_users: int) -> None:
    rng = np.random.default_rng(seed)
    n_items, n_factors = int(rng.integers(1, 400)), int(rng.integers(1, 20))
    V, U = vectors_of(kind, rng, n_items, n_factors), vectors_of(kind, rng, n_users, n_factors)
    items, excluded = QuantizedVectors.of(V), excluded_of(left, rng, n_items)
    found, scores = top_n(items, U, n, excluded=excluded)
    every = reference_scores(items[:], U)
    assert found.tolist() == plain_sort(every, n, excluded)
    assert scores.tobytes() == every[found].tobytes()
    assert scores_of(items[found], U).tobytes() == scores.tobytes()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(0, 10_000), KINDS, st.integers(1, 40))
def test_pages_one_after_another_are_the_whole_list(seed: int, kind: str, n: int) -> None:
    rng = np.random.default_rng(seed)
    V, u = vectors_of(kind, rng, 150, 3), vectors_of(kind, rng, 1, 3)
    items, excluded = QuantizedVectors.of(V), rng.random(150) < 0.2
    pages: list[int] = []
    after = After()
    while True:
        found, scores = top_n(items, u, n, excluded=excluded, after=after)
        pages += found.tolist()
        if len(found) < n:
            break
        after = After(float(scores[-1]), int(found[-1]))
    assert pages == plain_sort(reference_scores(items[:], u), 150, excluded)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(0, 10_000), KINDS, st.integers(1, 40), st.booleans())
def test_rescaled_scores_are_sorted_too(seed: int, kind: str, n: int, has_additions: bool) -> None:
    rng = np.random.default_rng(seed)
    V, u = vectors_of(kind, rng, 150, 5), vectors_of(kind, rng, 1, 5)
    multipliers = rng.random(150).astype(np.float32) * (rng.random(150) < 0.8)
    additions = rng.standard_normal(150).astype(np.float32) if has_additions else np.empty(0, np.float32)
    items, nothing = QuantizedVectors.of(V), np.zeros(150, np.bool_)
    found, scores = top_n(items, u, n, rescaling=Rescaling(multipliers, additions))
    every = reference_scores(items[:], u) * multipliers
    every = every + additions if has_additions else every
    assert found.tolist() == plain_sort(every, n, nothing)
    assert scores.tobytes() == every[found].tobytes()


def counted(monkeypatch: pytest.MonkeyPatch, module: Any, kernel: str) -> list[int]:
    """Run a kernel as Python, and note which vectors it puts together."""
    looked_at: list[int] = []
    restore = module.restore

    def noted(*arguments: Any) -> None:
        looked_at.append(arguments[4])
        restore(*arguments)

    monkeypatch.setattr(module, "restore", noted)
    monkeypatch.setattr(module, kernel, getattr(module, kernel).py_func)
    return looked_at


def test_few_scores_are_computed_of_many_items(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    V, u = rng.standard_normal((20_000, 32)).astype(np.float32), rng.standard_normal(32).astype(np.float32)
    items, looked_at = QuantizedVectors.of(V), counted(monkeypatch, searching, "scan")
    expected = plain_sort(reference_scores(items[:], u), 10, np.zeros(len(V), np.bool_))
    assert top_n(items, u, 10)[0].tolist() == expected
    assert 10 <= len(looked_at) < 200
    looked_at.clear()
    monkeypatch.setattr(searching, "set_bounds", lambda *arguments: arguments[-1].fill(np.inf))
    assert top_n(items, u, 10)[0].tolist() == expected
    assert len(looked_at) == len(V)


def test_the_best_of_given_scores_ties_by_index() -> None:
    scores = np.array([1, 3, 3, 2, 3], np.float32)
    found, values = best_of(scores, 3, np.array([False, True, False, False, False]))
    assert found.tolist() == [2, 4, 3]
    assert values.tolist() == [3, 3, 2]


def test_arrays_that_cannot_be_written_are_no_other_kind_to_compile_for() -> None:
    vectors = np.random.default_rng(0).standard_normal((40, 3)).astype(np.float32)
    items, user, excluded = QuantizedVectors.of(vectors), vectors[0].copy(), np.zeros(40, np.bool_)
    top_n(items, user, 5, excluded=excluded)
    scores_of(vectors, user)
    kernels: list[Any] = [scan, _set_scores]
    known = [list(kernel.signatures) for kernel in kernels]
    for array in (user, excluded, vectors):
        array.flags.writeable = False
    top_n(items, user, 5, excluded=excluded)
    scores_of(vectors, user)
    assert [list(kernel.signatures) for kernel in kernels] == known
