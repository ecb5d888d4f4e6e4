"""Which items to ask a newcomer about: those whose answers would take away most of what is not known.

Folding in leaves a user's vector uncertain by A_u⁻¹ (see `posterior.py`). A rating of item i would make the scores of
the items that people know more certain by

    gain_i = Σ_j p_j (v_jᵀ A_u⁻¹ v_i)² / (1 + v_iᵀ A_u⁻¹ v_i)

But it is an answer only if the person knows the item. For item i that has the probability p_i, at first the share of
the trained users who rated it, then more or less by what the answers say of a person's habits: these are believed to be
like those of one of the trained users, u ~ N(ū, Σ), and p_i moves with v_i·E[u]. Asked is the greatest p_i · gain_i.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.factorization.arrays import Doubles, Floats
from app.factorization.fold_in import FoldIn
from app.factorization.objective import Factors
from app.factorization.posterior import precision

_HABIT_CHANCE = 0.3  # how far an answer may lie from the habit that it shows, where the whole scale is 1
_LEAST_LIFT, _MOST_LIFT, _MOST_KNOWN = 0.1, 6.0, 0.95


@dataclass(frozen=True, slots=True)
class Interview:
    """What is known of a newcomer so far."""

    covariance: Doubles
    """A_u⁻¹, ndarray of shape (n_factors, n_factors)."""

    habit: Doubles
    """E[u], ndarray of shape (n_factors,)."""

    habit_covariance: Doubles
    """Σ, ndarray of shape (n_factors, n_factors)."""

    first_habit: Doubles
    """ū."""

    rating_weight: float
    """1 − w0: how much more a rating weighs than its absence."""

    def after(self, vector: Floats, answer: float | None) -> "Interview":
        """Learn from an answer.

        Parameters
        ----------
        vector : ndarray of shape (n_factors,), float32
            v_i of the item that was asked about.
        answer : float or None
            a, from 0 to 1; None when the person does not know the item, which tells of habits only.

        Returns
        -------
        Interview
            More certain.
        """
        v = vector.astype(np.float64)
        Σv = self.habit_covariance @ v
        step = Σv / (_HABIT_CHANCE**2 + v @ Σv)
        habit = self.habit + step * ((0.0 if answer is None else answer) - v @ self.habit)
        learnt = replace(self, habit=habit, habit_covariance=self.habit_covariance - np.outer(step, Σv))
        return learnt if answer is None else learnt.certain_after(vector)

    def certain_after(self, vector: Floats) -> "Interview":
        """Count on a rating whose value is not known yet.

        Parameters
        ----------
        vector : ndarray of shape (n_factors,), float32
            v_i of the rated item.

        Returns
        -------
        Interview
            With A_u⁻¹ after the rating.
        """
        Av = self.covariance @ vector.astype(np.float64)
        scale = self.rating_weight / (1.0 + self.rating_weight * float(vector @ Av))
        return replace(self, covariance=self.covariance - scale * np.outer(Av, Av))

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
        usual = np.maximum(vectors @ self.first_habit, 1e-3)
        lift = np.clip((vectors @ self.habit) / usual, _LEAST_LIFT, _MOST_LIFT)
        known: Doubles = np.minimum(shares * lift, _MOST_KNOWN)
        return known

    def gains(self, vectors: Floats, known_gramian: Doubles) -> Doubles:
        """Say how much each rating would tell.

        Parameters
        ----------
        vectors : ndarray of shape (n, n_factors), float32
            v_i of the items that could be asked about.
        known_gramian : ndarray of shape (n_factors, n_factors), float64
            Σ_j p_j v_j v_jᵀ of the items whose scores matter.

        Returns
        -------
        ndarray of shape (n,), float64
            gain_i.
        """
        Av = vectors.astype(np.float64) @ self.covariance
        uncertainty = np.einsum("if,if->i", Av, vectors)
        gains: Doubles = np.einsum("if,if->i", Av @ known_gramian, Av) / (1.0 / self.rating_weight + uncertainty)
        return gains


def newcomer(factors: Factors, fold_in: FoldIn) -> Interview:
    """Say what is known of someone of whom nothing is known.

    Parameters
    ----------
    factors : Factors
        The model's.
    fold_in : FoldIn
        The model's.

    Returns
    -------
    Interview
        With the mean and the covariance of the trained users as habits.
    """
    U = factors.user_factors.astype(np.float64)
    mean = U.mean(axis=0) if len(U) else factors.mean_user.astype(np.float64)
    centred = U - mean
    weight = max(1.0 - factors.hyperparameters.unobserved_weight, 1e-6)
    covariance: Doubles = np.asarray(np.linalg.inv(precision(fold_in, [])), np.float64)
    return Interview(covariance, mean, centred.T @ centred / max(len(U), 1), mean, weight)


def known_gramian(item_factors: Floats, shares: Doubles) -> Doubles:
    """Weigh items by how many know them.

    Parameters
    ----------
    item_factors : ndarray of shape (n_items, n_factors), float32
        V.
    shares : ndarray of shape (n_items,), float64
        p_i of the trained users.

    Returns
    -------
    ndarray of shape (n_factors, n_factors), float64
        Σ_i p_i v_i v_iᵀ.
    """
    total = np.zeros((item_factors.shape[1], item_factors.shape[1]))
    for start in range(0, len(item_factors), 4096):
        block = item_factors[start : start + 4096].astype(np.float64)
        total += (block.T * shares[start : start + 4096]) @ block
    return total


def choose_questions(
    interview: Interview, vectors: Floats, shares: Doubles, products: Doubles, n: int
) -> tuple[NDArray[np.intp], Doubles]:
    """Choose what to ask next, each question as if those before it were answered.

    Parameters
    ----------
    interview : Interview
        What is known so far.
    vectors : ndarray of shape (n_candidates, n_factors), float32
        v_i of the items that could be asked about.
    shares : ndarray of shape (n_candidates,), float64
        Shares of the trained users who rated them.
    products : ndarray of shape (n_factors, n_factors), float64
        From `known_gramian`.
    n : int
        How many.

    Returns
    -------
    chosen : ndarray of shape (min(n, n_candidates),), intp
        Which candidates, the most telling first.
    merits : ndarray of the same shape, float64
        p_i · gain_i when it was chosen.
    """
    known, is_left = interview.p_known(vectors, shares), np.ones(len(vectors), np.bool_)
    chosen, merits = np.empty(min(n, len(vectors)), np.intp), np.empty(min(n, len(vectors)))
    for place in range(len(chosen)):
        merit = np.where(is_left, known * interview.gains(vectors, products), -np.inf)
        best = int(np.argmax(merit))
        chosen[place], merits[place] = best, merit[best]
        is_left[best] = False
        interview = interview.certain_after(vectors[best])
    return chosen, merits
