"""Vectors in 16 bits."""

import numpy as np
import pytest

from app.factorization.packing import pack, unpack
from app.factorization.row_blocks import ROWS_PER_SLICE, RowBlocks


@pytest.mark.parametrize("n_rows", [1, ROWS_PER_SLICE, 2 * ROWS_PER_SLICE + 3])
def test_vectors_come_back_within_half_a_step(n_rows: int) -> None:
    lengths = np.geomspace(1e-6, 1e6, n_rows)[:, np.newaxis]
    vectors = (np.random.default_rng(0).standard_normal((n_rows, 7)) * lengths).astype(np.float32)
    vectors[0] = 0.0
    before = vectors.copy()
    packed = pack(vectors, RowBlocks())
    assert np.shares_memory(packed.codes, vectors)
    places = np.arange(n_rows) + np.arange(n_rows) // ROWS_PER_SLICE * ROWS_PER_SLICE
    read = packed.codes[places] * packed.steps[:, np.newaxis]
    unpack(packed, vectors, RowBlocks())
    np.testing.assert_array_equal(vectors, read)
    assert np.all(np.abs(vectors - before) <= 0.51 * np.abs(before).max(axis=1, keepdims=True) / 32767)


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_what_is_not_finite_stays_so(bad: float) -> None:
    vectors = np.ones((3, 4), np.float32)
    vectors[1, 2] = bad
    unpack(pack(vectors, RowBlocks()), vectors, RowBlocks())
    assert not np.isfinite(vectors[1]).any()
    assert np.isfinite(vectors[[0, 2]]).all()
