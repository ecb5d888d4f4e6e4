"""The expectation made of what was rated: one loss, one fold-in, one explanation."""

from itertools import pairwise

import numpy as np
import pytest

from app.factorization.fit import fit
from app.factorization.fold_in import FoldIn
from app.factorization.hyperparameters import Hyperparameters
from app.factorization.objective import loss
from tests.unit.factorization.textbook import ratings

HYPER = Hyperparameters(
    n_factors=3,
    unobserved_weight=0.0,
    popularity_discount=0.0,
    regularization=0.3,
    regularization_exponent=0.0,
    n_epochs=12,
    has_biases=True,
    has_selection=True,
    selection_regularization=0.5,
)


def expectation_of(observed, choices):
    n_ratings = np.maximum(observed.sum(axis=1, keepdims=True), 1)
    return (observed / np.sqrt(n_ratings)) @ choices.astype(np.float64)


def test_the_loss_is_what_the_page_says():
    matrix, targets, observed, _ = ratings(3)
    f = fit(matrix, HYPER, method="observed", seed=1)
    U, V = f.user_factors.astype(np.float64), f.item_factors.astype(np.float64)
    expected = np.sum((targets - U @ V.T)[observed] ** 2)
    expected += 0.3 * np.sum((U - f.mean_user - expectation_of(observed, f.item_selection)) ** 2)
    expected += 0.3 * np.sum((V - f.mean_item - expectation_of(observed.T, f.user_selection)) ** 2)
    expected += 0.5 * (np.sum(f.item_selection.astype(float) ** 2) + np.sum(f.user_selection.astype(float) ** 2))
    assert loss(matrix, f) == pytest.approx(expected, rel=1e-4)
    assert np.abs(f.item_selection).max() > 0.01


def test_the_loss_never_rises():
    losses = []
    matrix, *_ = ratings(5)
    fit(matrix, HYPER, method="observed", on_epoch=lambda epoch: losses.append(epoch.loss))
    assert all(after <= before * (1 + 1e-5) for before, after in pairwise(losses))
    assert losses[-1] < losses[0]


def test_folding_in_a_history_gives_the_trained_row_and_explains_it():
    matrix, *_ = ratings(7)
    f = fit(matrix, HYPER, method="observed")
    fold_in = FoldIn.of(f)
    for user in range(matrix.shape[0]):
        part = slice(matrix.indptr[user], matrix.indptr[user + 1])
        rated, targets = matrix.indices[part], matrix.data[part]
        vector = fold_in.fold_in_user(rated, targets)
        np.testing.assert_allclose(vector, f.user_factors[user], atol=1e-5)
        everyone, contributions = fold_in.explain(rated, targets, [0, 2])
        np.testing.assert_allclose(everyone + contributions.sum(axis=1), f.item_factors[[0, 2]] @ vector, atol=1e-5)


def test_the_choice_alone_moves_the_prediction():
    matrix, *_ = ratings(7)
    f = fit(matrix, HYPER, method="observed")
    fold_in = FoldIn.of(f)
    everyone, contributions = fold_in.explain([1], [float(fold_in.fold_in_user([], []) @ f.item_factors[1])], [0])
    assert abs(contributions.sum()) > 1e-4
    assert np.isfinite(everyone).all()


def test_selection_needs_biases():
    with pytest.raises(ValueError, match="has_biases"):
        Hyperparameters(has_selection=True)
