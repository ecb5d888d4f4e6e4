"""Numbers so small that single precision loses them."""

import numpy as np
import pytest

from app.factorization.fit import fit
from app.factorization.hyperparameters import Hyperparameters
from tests.unit.factorization.evaluation.test_evaluate import two_tastes


@pytest.mark.parametrize("scale", [1e-15, 1e-17, 1e-21])
def test_steps_whose_squares_vanish_are_not_taken(scale):
    matrix = two_tastes()
    matrix.data *= np.float32(scale)
    factors = fit(matrix, Hyperparameters(n_factors=30, unobserved_weight=0.1, regularization=0.2, n_epochs=4))
    assert np.isfinite(factors.user_factors).all()
    assert np.isfinite(factors.item_factors).all()
