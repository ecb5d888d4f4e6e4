"""Folding in: a user's vector as a function of that user's ratings now, and an item's of its raters'."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.factorization.arrays import Doubles, Floats
from app.factorization.objective import Factors, Hyperparameters, gramian, row_regularization
from app.factorization.row_solver import least_regularization, solve_row


@dataclass(frozen=True, slots=True)
class FoldIn:
    """What folding users in needs of a model; prepared once, then used by any number of threads."""

    item_factors: Floats
    """V, ndarray of shape (n_items or more, n_factors), float32, in its principal axes; may be a memory map."""

    item_gramian: Floats
    """The diagonal of VᵀV over the trained items, ndarray of shape (n_factors,), float32."""

    mean_user: Floats
    """μ, ndarray of shape (n_factors,), float32."""

    n_items: int
    """Trained items; more vectors may have been added since."""

    hyperparameters: Hyperparameters
    """What the factors were fitted with."""

    @classmethod
    def of(cls, factors: Factors) -> "FoldIn":
        """Prepare folding in with fitted factors.

        Parameters
        ----------
        factors : Factors
            What `fit` returned.

        Returns
        -------
        FoldIn
            Ready to use.
        """
        V = factors.item_factors
        return cls(V, factors.item_gramian, factors.mean_user, len(V), factors.hyperparameters)

    def fold_in_user(self, item_indices: ArrayLike, targets: ArrayLike, weights: ArrayLike | None = None) -> Floats:
        """Compute a user's vector from the user's ratings, exactly as training does.

        Parameters
        ----------
        item_indices : array_like of shape (n,), int
            Rated items, ascending, so that equal histories give equal bytes.
        targets : array_like of shape (n,)
            a_ui.
        weights : array_like of shape (n,), optional
            w_ui; 1 when not given.

        Returns
        -------
        ndarray of shape (n_factors,), float32
            u; without ratings, the mean user as far as it outweighs w0.
        """
        rated = np.asarray(item_indices, np.intp)
        hyper = self.hyperparameters
        solution = np.empty(len(self.mean_user), np.float32)
        solve_row(
            self.item_factors[rated],
            np.ascontiguousarray(targets, np.float32),
            np.empty(0, np.float32) if weights is None else np.ascontiguousarray(weights, np.float32),
            hyper.unobserved_weight,
            np.ascontiguousarray(self.item_gramian),
            float(row_regularization(len(rated), self.n_items, hyper)[0]),
            least_regularization(self.item_gramian, self.n_items),
            np.ascontiguousarray(self.mean_user),
            solution,
        )
        return solution

    def explain(
        self, item_indices: ArrayLike, targets: ArrayLike, shown: ArrayLike, weights: ArrayLike | None = None
    ) -> tuple[Doubles, Doubles]:
        """Divide scores into what everyone's taste and what each of the user's ratings adds to them.

        With A_u = w0 VᵀV + Σ_j (w_j − w0) v_j v_jᵀ + λ_u I, exactly:

            u·v_i = λ_u v_iᵀ A_u⁻¹ μ + Σ_j w_j a_j v_iᵀ A_u⁻¹ v_j

        Parameters
        ----------
        item_indices : array_like of shape (n,), int
            Rated items.
        targets : array_like of shape (n,)
            a_ui.
        shown : array_like of shape (n_shown,), int
            Items whose scores are to be explained.
        weights : array_like of shape (n,), optional
            w_ui; 1 when not given.

        Returns
        -------
        everyone : ndarray of shape (n_shown,), float64
            λ_u v_iᵀ A_u⁻¹ μ.
        contributions : ndarray of shape (n_shown, n), float64
            w_j a_j v_iᵀ A_u⁻¹ v_j; a row's sum and its `everyone` make the score.
        """
        rated = np.asarray(item_indices, np.intp)
        A, λ = self._system(rated, weights)
        of_rated = self.item_factors[rated].astype(np.float64)
        of_shown = self.item_factors[np.asarray(shown, np.intp)].astype(np.float64)
        influence: Doubles = np.linalg.solve(A, of_shown.T).T  # v_iᵀ A_u⁻¹
        w = np.ones(len(rated)) if weights is None else np.asarray(weights, np.float64)
        everyone: Doubles = λ * (influence @ self.mean_user.astype(np.float64))
        return everyone, (influence @ of_rated.T) * (w * np.asarray(targets, np.float64))

    def _system(self, rated: NDArray[np.intp], weights: ArrayLike | None) -> tuple[Doubles, float]:
        w0 = self.hyperparameters.unobserved_weight
        vectors = self.item_factors[rated].astype(np.float64)
        w = np.ones(len(rated)) if weights is None else np.asarray(weights, np.float64)
        λ = float(row_regularization(len(rated), self.n_items, self.hyperparameters)[0])
        least = least_regularization(self.item_gramian, self.n_items)
        shared = w0 * self.item_gramian.astype(np.float64) + max(λ, least)
        return np.diag(shared) + (vectors.T * (w - w0)) @ vectors, λ


@dataclass(frozen=True, slots=True)
class FoldInItem:
    """What folding new items in needs: the same row solver, from the users' side."""

    user_gramian: Floats
    """The diagonal of UᵀU in the users' principal axes, ndarray of shape (n_factors,), float32."""

    rotation: Floats
    """From the model's axes to the users' principal axes, ndarray of shape (n_factors, n_factors), float32."""

    n_users: int
    """Trained users."""

    hyperparameters: Hyperparameters
    """What the factors were fitted with."""

    @classmethod
    def of(cls, factors: Factors) -> "FoldInItem":
        """Prepare folding items in with fitted factors.

        Parameters
        ----------
        factors : Factors
            What `fit` returned.

        Returns
        -------
        FoldInItem
            Ready to use.
        """
        squares, axes = np.linalg.eigh(gramian(factors.user_factors))
        squares = np.maximum(squares, 0.0).astype(np.float32)
        return cls(squares, axes.astype(np.float32), len(factors.user_factors), factors.hyperparameters)

    def fold_in_item(self, user_vectors: Floats, targets: ArrayLike, weights: ArrayLike | None = None) -> Floats:
        """Compute an item's vector from its raters' vectors.

        Parameters
        ----------
        user_vectors : ndarray of shape (n, n_factors), float32
            u of its raters, each folded in against trained items.
        targets : array_like of shape (n,)
            a_ui.
        weights : array_like of shape (n,), optional
            w_ui; 1 when not given.

        Returns
        -------
        ndarray of shape (n_factors,), float32
            v; zero without raters.
        """
        hyper = self.hyperparameters
        solution = np.empty(len(self.rotation), np.float32)
        solve_row(
            np.ascontiguousarray(np.asarray(user_vectors, np.float32).reshape(-1, len(self.rotation)) @ self.rotation),
            np.ascontiguousarray(targets, np.float32),
            np.empty(0, np.float32) if weights is None else np.ascontiguousarray(weights, np.float32),
            hyper.unobserved_weight,
            self.user_gramian,
            float(row_regularization(len(user_vectors), self.n_users, hyper)[0]),
            least_regularization(self.user_gramian, self.n_users),
            np.zeros(len(self.rotation), np.float32),
            solution,
        )
        return self.rotation @ solution
