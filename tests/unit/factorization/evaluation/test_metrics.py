"""Each metric against its textbook sum, and against numbers worked out by hand."""

import math

import numpy as np
import pytest
from scipy.sparse import csr_array

from app.factorization.evaluation.metrics import coverage, ranking_metrics, value_errors


def relevant_items(*rows, n_items=8):
    dense = np.zeros((len(rows), n_items), np.float32)
    for u, row in enumerate(rows):
        dense[u, row] = 1.0
    return csr_array(dense)


def test_a_list_worked_out_by_hand():
    lists = np.array([[4, 1, 0]], np.int32)  # a hit, a miss, a hit; a third relevant item is not in the list
    found = ranking_metrics(lists, relevant_items([0, 4, 7]), np.array([2, 1, 0, 0, 4, 0, 0, 0]), 8)
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    assert found["recall"][0] == pytest.approx(2 / 3)
    assert found["ndcg"][0] == pytest.approx((1 + 1 / 2) / ideal)
    assert found["hit_rate"][0] == 1.0
    assert found["map"][0] == pytest.approx((1 / 1 + 2 / 3) / 3)
    assert found["novelty"][0] == pytest.approx((1 + 3 + 2) / 3)


def test_the_ideal_is_cut_at_the_length_of_the_list():
    lists = np.array([[0, 1]], np.int32)
    found = ranking_metrics(lists, relevant_items([0, 1, 2, 3]), np.ones(8, np.int64), 8)
    assert found["ndcg"][0] == pytest.approx(1.0)
    assert found["map"][0] == pytest.approx(1.0)
    assert found["recall"][0] == pytest.approx(0.5)


def test_the_ideal_is_cut_at_the_number_of_relevant_items():
    lists = np.array([[5, 0, 1]], np.int32)
    found = ranking_metrics(lists, relevant_items([5]), np.ones(8, np.int64), 8)
    assert found["ndcg"][0] == pytest.approx(1.0)
    assert found["map"][0] == pytest.approx(1.0)


def test_each_user_is_judged_by_the_own_relevant_items():
    lists = np.array([[0, 1], [0, 1], [2, 3]], np.int32)
    found = ranking_metrics(lists, relevant_items([1], [2], [2]), np.ones(8, np.int64), 8)
    assert found["recall"].tolist() == [1.0, 0.0, 1.0]
    assert found["ndcg"].tolist() == pytest.approx([1 / math.log2(3), 0.0, 1.0])


def test_an_empty_place_is_no_hit():
    lists = np.array([[0, -1, -1], [3, -1, -1]], np.int32)
    found = ranking_metrics(lists, relevant_items([7], [3]), np.full(8, 4), 8)
    assert found["hit_rate"].tolist() == [0.0, 1.0]
    assert found["novelty"].tolist() == [1.0, 1.0]


def test_coverage_is_the_share_of_items_in_any_list():
    found = coverage(np.array([[0, 1], [1, 2], [1, -1]], np.int32), 12)
    assert found.mean == pytest.approx(3 / 12)
    assert 0.0 <= found.low < found.mean < found.high <= 1.0


def test_coverage_is_certain_where_all_lists_are_alike():
    assert coverage(np.array([[0, 1]] * 5, np.int32), 4) == (0.5, 0.5, 0.5)


def test_errors_are_summed_for_each_user():
    test = csr_array(np.array([[1.0, 0.5, 0], [0, 0, 0], [0, 0, 0.25]], np.float32))
    errors = value_errors(np.array([0.5, 0.75, 0.25]), test)
    assert errors.tolist() == [[0.3125, 0.75, 2], [0, 0, 0], [0, 0, 1]]
