"""Maximal marginal relevance: from the plain order to one in which neighbours differ."""

import numpy as np

from app.factorization.diversity import maximal_marginal_relevance


def test_without_diversity_the_order_is_by_score():
    rng = np.random.default_rng(0)
    vectors, scores = rng.normal(size=(20, 4)).astype(np.float32), np.sort(rng.random(20).astype(np.float32))[::-1]
    assert maximal_marginal_relevance(vectors, scores, 20, 0.0).tolist() == list(range(20))


def test_it_equals_the_definition():
    rng = np.random.default_rng(1)
    vectors, scores = rng.normal(size=(12, 3)).astype(np.float32), np.sort(rng.random(12).astype(np.float32))[::-1]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    relevance = (scores - scores.min()) / (scores.max() - scores.min())
    chosen = [0]
    while len(chosen) < 12:
        left = [i for i in range(12) if i not in chosen]
        chosen.append(max(left, key=lambda i: 0.4 * relevance[i] - 0.6 * max(unit[i] @ unit[j] for j in chosen)))
    assert maximal_marginal_relevance(vectors, scores, 12, 0.6).tolist() == chosen


def test_a_copy_comes_last_when_only_diversity_counts():
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    assert maximal_marginal_relevance(vectors, np.array([3, 2, 1], np.float32), 3, 1.0).tolist() == [0, 2, 1]


def test_nothing_and_zero_vectors_are_harmless():
    assert maximal_marginal_relevance(np.zeros((0, 2), np.float32), np.zeros(0, np.float32), 3, 0.5).tolist() == []
    chosen = maximal_marginal_relevance(np.zeros((3, 2), np.float32), np.ones(3, np.float32), 9, 0.5)
    assert chosen.tolist() == [0, 1, 2]
