"""Vectors in three bytes a number: as near as promised, exact where they can be, and gathered as NumPy gathers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.factorization.quantized import GREATEST_LEVEL, QuantizedVectors
from tests.unit.factorization.test_top_n import KINDS, vectors_of


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(0, 10_000), KINDS)
def test_each_number_is_off_by_its_share_of_its_vectors_greatest(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    V = vectors_of(kind, rng, int(rng.integers(1, 300)), int(rng.integers(1, 20)))
    items = QuantizedVectors.of(V)
    sizes = np.maximum(np.sqrt(np.square(V.astype(np.float64)).mean(axis=0)), 1e-29)
    greatest = (np.abs(V) / sizes).max(axis=1, keepdims=True)
    error = np.abs(items[:].astype(np.float64) - V) / sizes
    assert (
        error <= 2.0**-23 * 2.02 * greatest
    ).all()  # the columns' sizes are rounded up to powers of two, and 127 is not 128
    assert np.abs(items.levels.astype(int)).max() <= GREATEST_LEVEL


def test_numbers_of_few_digits_come_back_as_they_were() -> None:
    whole = np.random.default_rng(0).integers(-1000, 1000, (300, 7)).astype(np.float32)
    for vectors in (whole, whole / np.float32(64), np.zeros((3, 2), np.float32), np.empty((0, 4), np.float32)):
        assert np.array_equal(QuantizedVectors.of(vectors)[:], vectors)


def test_what_came_back_stays_what_it_is() -> None:
    V = np.random.default_rng(0).standard_normal((300, 7)).astype(np.float32)
    once = QuantizedVectors.of(V)[:]
    assert not np.array_equal(once, V)
    assert np.array_equal(QuantizedVectors.of(once)[:], once)


def test_rows_are_gathered_as_from_an_array() -> None:
    items = QuantizedVectors.of(np.random.default_rng(0).standard_normal((130, 5)).astype(np.float32))
    V = np.asarray(items)
    assert (items.shape, items.size, len(items)) == (V.shape, V.size, len(V))
    for rows in (7, -1, slice(3, 100, 7), slice(None, None, -50), np.array([128, 0, -130]), np.empty(0, np.intp)):
        assert np.array_equal(items[rows], V[rows])
    for rows in (130, -131, np.array([5, 130]), np.array([True] * 130), np.array([1.0])):
        with pytest.raises(IndexError, match="from -130 to 129"):
            items[rows]


def test_arrays_come_back_and_must_fit_each_other() -> None:
    V = np.random.default_rng(0).standard_normal((70, 5)).astype(np.float32)
    made = QuantizedVectors.of(V)
    arrays = made.arrays("item")
    assert np.array_equal(QuantizedVectors.read(arrays, "item")[:], made[:])
    with pytest.raises(ValueError, match="contradict"):
        QuantizedVectors.read(arrays | {"item_residuals": made.residuals[:60]}, "item")
    with pytest.raises(ValueError, match="not finite"):
        QuantizedVectors.read(arrays | {"item_steps": made.steps * np.float32(1e38)}, "item")
    with pytest.raises(ValueError, match="negative sizes"):
        QuantizedVectors.read(arrays | {"item_scales": -made.scales}, "item")
