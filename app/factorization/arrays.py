"""Names for the arrays that go in and out."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
"""Vectors, targets, weights: single precision, which halves what must be read from memory."""

Doubles = NDArray[np.float64]
"""Sums over many of them."""

Indices = NDArray[np.int32]
"""Rows of the other side."""

Offsets = NDArray[np.int64]
"""Where each row's ratings begin."""
