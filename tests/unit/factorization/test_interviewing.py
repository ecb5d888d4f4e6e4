"""Questions for newcomers: the items that they probably know, and would like."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array, random_array

from app.factorization.fit import fit
from app.factorization.hyperparameters import Hyperparameters
from app.factorization.interviewing import Interview, choose_questions, newcomer
from app.factorization.objective import Factors

SHARES = np.full(30, 0.3)


@pytest.fixture(scope="module")
def factors() -> Factors:
    user_items = csr_array(random_array((50, 30), density=0.3, dtype=np.float32, rng=np.random.default_rng(0)))
    user_items.sort_indices()
    return fit(user_items, Hyperparameters(n_factors=5, unobserved_weight=0.05))


def test_an_answer_makes_the_item_itself_and_what_its_friends_know_more_or_less_likely():
    # two kinds of people, who know the items 0 and 1, or 2 and 3
    interview = Interview(np.array([[1, 0], [0, 1]], np.float32), np.zeros(2))
    vectors, shares = np.array([[0.6, 0], [0.6, 0], [0, 0.6], [0, 0.6]], np.float32), np.full(4, 0.3)
    before = interview.p_known(vectors, shares)
    assert before == pytest.approx(np.full(4, 0.3 * 0.7 + 0.3 * 0.3))
    known = interview.after(vectors[0], 0.3, is_known=True).p_known(vectors, shares)
    unknown = interview.after(vectors[0], 0.3, is_known=False).p_known(vectors, shares)
    assert (known[:2] > before[:2]).all()
    assert (known[2:] < before[2:]).all()
    assert (unknown[:2] < before[:2]).all()
    assert (unknown[2:] > before[2:]).all()


def test_thousands_of_answers_leave_a_probability():
    interview = Interview(np.array([[1, 0], [0, 1]], np.float32), np.zeros(2))
    vector = np.array([[0.6, 0]], np.float32)
    for _ in range(5_000):
        interview = interview.after(vector[0], 0.3, is_known=False)
    (known,) = interview.p_known(vector, np.array([0.3]))
    assert 0 < known < 0.3 * 0.7


def test_a_large_model_is_asked_through_some_of_its_users(factors: Factors):
    many = factors.user_factors.repeat(50, axis=0)
    people = newcomer(replace(factors, user_factors=many))
    assert len(people.people) == 834  # every third
    np.testing.assert_allclose(
        people.p_known(factors.item_factors, SHARES),
        newcomer(factors).p_known(factors.item_factors, SHARES),
        atol=0.02,
    )


def test_the_first_question_has_the_most_merit_and_no_question_comes_twice(factors: Factors):
    interview, scores = newcomer(factors), factors.item_factors @ factors.mean_user
    chosen, merits = choose_questions(interview, factors.item_factors, SHARES, scores, 99)
    assert sorted(chosen.tolist()) == list(range(30))
    assert (np.diff(merits) <= 0).all()


def test_what_nobody_knows_and_what_is_disliked_is_not_asked():
    interview = Interview(np.zeros((1, 2), np.float32), np.zeros(1))
    shares = np.array([0.001, 0.5, 0.4, 0.4])
    scores = np.array([0.9, 0.0, 0.5, 0.6], np.float32)
    chosen, _ = choose_questions(interview, np.zeros((4, 2), np.float32), shares, scores, 4)
    assert chosen.tolist() == [3, 2, 1, 0]


def test_a_model_without_users_has_questions_too(factors: Factors):
    nobody = factors.user_factors[:0]
    alone = newcomer(replace(factors, user_factors=nobody))
    assert alone.p_known(factors.item_factors, SHARES).min() > 0
