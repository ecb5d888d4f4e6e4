"""Which items to ask a newcomer about: those that the person probably knows, and would like.

Most questions are answered with "I do not know it", so an item's rating is worth asking for as far as the person is
likely to have one. That is told by the trained users. A newcomer is like any of them at first, and with every answer
more like those who know what the newcomer knows:

    q_t ∝ Π_known p_ti^τ Π_unknown (1 − p_ti)^τ        p_i = Σ_t q_t p_ti

where p_ti is the probability that someone like t knows item i: v_i·u_t as far as the model knows, and the share of all
users who rated it. Of what a person knows, it is what the person likes that moves the list most, since what nobody
rated counts as a weak dislike anyhow. Asked is the greatest p_i √(v_i·û), with û folded in from the answers.

What the answers themselves would leave uncertain, A_u⁻¹, finds worse questions than these: docs/decisions/0037.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.factorization.arrays import Doubles, Floats
from app.factorization.objective import FactorsOf

_MOST_PEOPLE = 1_000
_OWN_SHARE = 0.7  # of a person's own habits in p_ti; the rest is everyone's
_TEMPER = 0.5  # τ: answers about similar items are not independent
_LEAST_KNOWN, _MOST_KNOWN = 0.002, 0.98
_LEAST_LIKED = 0.02


@dataclass(frozen=True, slots=True)
class Interview:
    """What is known of a newcomer so far."""

    people: Floats
    """u_t, ndarray of shape (n_people, n_factors), float32: users whom the newcomer may be like."""

    log_likelihoods: Doubles
    """log q_t, up to a constant, ndarray of shape (n_people,)."""

    def after(self, vector: Floats, share: float, *, is_known: bool) -> "Interview":
        """Learn from an answer.

        Parameters
        ----------
        vector : ndarray of shape (n_factors,), float32
            v_i of the item that was asked about.
        share : float
            Share of the trained users who rated it.
        is_known : bool
            Whether the newcomer knows it.

        Returns
        -------
        Interview
            Of someone who is more like the people that it is known, or unknown, to.
        """
        p = _p_known(self.people, vector.reshape(1, -1), np.array([share]))[:, 0]
        told = np.log(p if is_known else 1.0 - p)
        return replace(self, log_likelihoods=self.log_likelihoods + _TEMPER * told)

    def p_known(self, vectors: Floats, shares: Doubles) -> Doubles:
        """Say how likely the person knows items.

        Parameters
        ----------
        vectors : ndarray of shape (n, n_factors), float32
            v_i.
        shares : ndarray of shape (n,), float64
            Shares of the trained users who rated them.

        Returns
        -------
        ndarray of shape (n,), float64
            p_i.
        """
        q = np.exp(self.log_likelihoods - self.log_likelihoods.max())
        known: Doubles = (q / q.sum()) @ _p_known(self.people, vectors, shares)
        return known


def newcomer(factors: FactorsOf[Any]) -> Interview:
    """Say what is known of someone of whom nothing is known.

    Parameters
    ----------
    factors : FactorsOf
        The model's.

    Returns
    -------
    Interview
        Of someone who may be like any of at most 1,000 trained users, evenly taken.
    """
    users = factors.user_factors
    people = users[:: -(-len(users) // _MOST_PEOPLE)] if len(users) else factors.mean_user.reshape(1, -1)
    return Interview(np.array(people), np.zeros(len(people)))


def choose_questions(
    interview: Interview, vectors: Floats, shares: Doubles, scores: Floats, n: int
) -> tuple[NDArray[np.intp], Doubles]:
    """Choose what to ask next.

    Parameters
    ----------
    interview : Interview
        What is known so far.
    vectors : ndarray of shape (n_candidates, n_factors), float32
        v_i of the items that could be asked about.
    shares : ndarray of shape (n_candidates,), float64
        Shares of the trained users who rated them.
    scores : ndarray of shape (n_candidates,), float32
        v_i·û, with what was answered so far.
    n : int
        How many.

    Returns
    -------
    chosen : ndarray of shape (min(n, n_candidates),), intp
        Which candidates, the most telling first.
    merits : ndarray of the same shape, float64
        p_i √(v_i·û).
    """
    merits = interview.p_known(vectors, shares) * np.sqrt(np.clip(scores, _LEAST_LIKED, 1.0))
    chosen = np.argsort(-merits, kind="stable")[:n]
    return chosen, merits[chosen]


def _p_known(people: Floats, vectors: Floats, shares: Doubles) -> Doubles:
    own = np.clip(people @ vectors.T, 0.0, _MOST_KNOWN)
    known: Doubles = np.clip(_OWN_SHARE * own + (1.0 - _OWN_SHARE) * shares, _LEAST_KNOWN, _MOST_KNOWN)
    return known
