"""Lists that are not all alike."""

import numpy as np
from numpy.typing import NDArray

from app.factorization.arrays import Floats


def maximal_marginal_relevance(vectors: Floats, scores: Floats, n: int, diversity: float) -> NDArray[np.intp]:
    """Choose n of some candidates one by one, each time the one with the greatest

        (1 − d) · relevance_i − d · max_(j chosen) cos(v_i, v_j)

    where relevance is the score, brought to 0 for the worst candidate and 1 for the best.

    Parameters
    ----------
    vectors : ndarray of shape (n_candidates, n_factors), float32
        v_i, best first.
    scores : ndarray of shape (n_candidates,), float32
        Their scores.
    n : int
        How many.
    diversity : float
        d, from 0 to 1.

    Returns
    -------
    ndarray of shape (min(n, n_candidates),), intp
        Which candidates, in the order of their choice; ties to the earlier candidate.

    References
    ----------
    Carbonell and Goldstein, The use of MMR, diversity-based reranking for reordering documents and producing summaries,
    SIGIR 1998.
    """  # noqa: D400 - an equation stands in the middle of the sentence
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    spread = float(np.ptp(scores)) if len(scores) else 0.0
    relevance = (scores - scores.min(initial=np.inf)) / spread if spread else np.ones(len(scores), np.float32)
    likeness = np.full(len(scores), -1.0, np.float32)
    is_left = np.ones(len(scores), np.bool_)
    chosen = np.empty(min(n, len(scores)), np.intp)
    for place in range(len(chosen)):
        merit = (1.0 - diversity) * relevance - diversity * (likeness if place else 0.0)
        best = int(np.argmax(np.where(is_left, merit, -np.inf)))
        chosen[place] = best
        is_left[best] = False
        np.maximum(likeness, unit @ unit[best], out=likeness)
    return chosen
