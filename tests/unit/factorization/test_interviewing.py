"""Questions for newcomers: the items that take away most of what folding in leaves uncertain."""

import numpy as np
import pytest
from scipy.sparse import csr_array, random_array

from app.factorization.fit import fit
from app.factorization.fold_in import FoldIn
from app.factorization.hyperparameters import Hyperparameters
from app.factorization.interviewing import choose_questions, known_gramian, newcomer
from app.factorization.objective import Factors
from app.factorization.posterior import precision


@pytest.fixture(scope="module")
def factors() -> Factors:
    user_items = csr_array(random_array((50, 30), density=0.3, dtype=np.float32, rng=np.random.default_rng(0)))
    user_items.sort_indices()
    return fit(user_items, Hyperparameters(n_factors=5, unobserved_weight=0.05))


@pytest.fixture(scope="module")
def products(factors: Factors):
    return known_gramian(factors.item_factors, np.full(30, 0.3))


def test_what_is_left_uncertain_is_what_folding_in_leaves(factors: Factors):
    fold_in = FoldIn.of(factors)
    interview = newcomer(factors, fold_in).certain_after(factors.item_factors[4])
    system = precision(fold_in, []) + 0.95 * np.outer(factors.item_factors[4], factors.item_factors[4])
    np.testing.assert_allclose(interview.covariance, np.linalg.inv(system), rtol=1e-6, atol=1e-9)


def test_a_gain_is_the_uncertainty_taken_away(factors: Factors, products):
    before = newcomer(factors, FoldIn.of(factors))
    gains = before.gains(factors.item_factors, products)
    for vector, gain in zip(factors.item_factors, gains, strict=True):
        after = before.after(vector, 0.3)
        assert np.trace(products @ (before.covariance - after.covariance)) == pytest.approx(gain, rel=1e-4)


def test_not_knowing_an_item_tells_of_habits_only(factors: Factors):
    before, vector = newcomer(factors, FoldIn.of(factors)), factors.item_factors[4]
    after, shares = before.after(vector, None), np.full(30, 0.3)
    np.testing.assert_array_equal(after.covariance, before.covariance)
    assert after.p_known(factors.item_factors, shares)[4] < before.p_known(factors.item_factors, shares)[4]
    assert before.after(vector, 1.0).p_known(factors.item_factors, shares)[4] > 0.3


def test_the_first_question_tells_most_and_no_question_comes_twice(factors: Factors, products):
    interview, shares = newcomer(factors, FoldIn.of(factors)), np.ones(30) * 0.3
    chosen, merits = choose_questions(interview, factors.item_factors, shares, products, 99)
    assert sorted(chosen.tolist()) == list(range(30))
    assert chosen[0] == np.argmax(interview.gains(factors.item_factors, products))
    assert (np.diff(merits) <= 1e-12).all()


def test_what_nobody_knows_is_not_asked(factors: Factors, products):
    shares = np.full(30, 1e-6)
    shares[7] = 1.0
    chosen, _ = choose_questions(newcomer(factors, FoldIn.of(factors)), factors.item_factors, shares, products, 1)
    assert chosen.tolist() == [7]
