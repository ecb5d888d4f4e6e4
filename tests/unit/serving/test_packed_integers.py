"""Sets of numbers survive being packed, and are packed as they have always been."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.serving.packed_integers import pack_integers, unpack_integers


@settings(deadline=None)
@given(st.sets(st.integers(0, 2**62)))
def test_integers_survive_packing_in_whatever_order_they_came(numbers):
    given_ones = list(numbers)
    assert unpack_integers(pack_integers(given_ones)).tolist() == sorted(numbers)
    assert pack_integers(np.array(sorted(numbers), np.int64)) == pack_integers(given_ones)


@pytest.mark.parametrize(
    ("numbers", "packed"),
    [
        ([], b""),
        ([0], b"\0"),
        ([127], b"\x7f"),
        ([128], b"\x80\x01"),
        ([5, 5, 3], b"\3\2"),
        ([0, 1, 129, 20_000], b"\0\1\x80\x01\x9f\x9b\x01"),
    ],
)
def test_cursors_of_other_releases_hold_these_bytes(numbers, packed):
    assert pack_integers(numbers) == packed
