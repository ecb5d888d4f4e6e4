"""Folding in: a user's vector as a function of that user's ratings now, and an item's of its raters'."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.factorization.arrays import Doubles, Floats, Vectors
from app.factorization.gathering import room_for
from app.factorization.half_epoch import solve_rows
from app.factorization.hyperparameters import Hyperparameters
from app.factorization.objective import FactorsOf, gramian, item_weight, row_regularization
from app.factorization.packing import unpacked
from app.factorization.row_solver import Shared, shared_by_rows
from app.factorization.side import Side

_PLACES = np.arange(1000, dtype=np.int32)
_ALL_ONES = np.empty(0, np.float32)


@dataclass(frozen=True, slots=True)
class FoldIn:
    """What folding users in needs of a model; prepared once, then used by any number of threads."""

    item_factors: Vectors
    """V, of shape (n_items or more, n_factors), as fitted."""

    item_weights: Floats
    """c_i, ndarray as long as `item_factors`, float32."""

    shared: Shared
    """What the systems of all users share."""

    item_selection: Floats
    """Y, ndarray of shape (n_items, n_factors), float32, or empty."""

    n_items: int
    """Trained items; more vectors may have been added since."""

    hyperparameters: Hyperparameters
    """What the factors were fitted with."""

    regularizations: dict[int, Floats] = field(default_factory=dict, compare=False, repr=False)
    """λ_u by the number of ratings, as far as it has been needed."""

    @classmethod
    def of(cls, factors: FactorsOf[Any]) -> "FoldIn":
        """Prepare folding users in.

        Parameters
        ----------
        factors : FactorsOf
            What `fit` returned.

        Returns
        -------
        FoldIn
            Ready to use.
        """
        V, hyper = factors.item_factors, factors.hyperparameters
        shared = shared_by_rows(
            hyper.unobserved_weight, factors.item_gramian, len(V), factors.mean_user, factors.user_is_free
        )
        return cls(V, factors.item_weights, shared, factors.item_selection, len(V), hyper)

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
            u; without ratings, the mean user as far as λ_u outweighs w0.
        """
        rated = np.asarray(item_indices, np.intp)
        λ = self.regularization(len(rated))
        return fold_in(self.item_factors[rated], targets, weights, self.item_weights[rated], λ, self._expecting(rated))

    def regularization(self, n_ratings: int) -> Floats:
        """Compute λ_u, or remember it.

        Parameters
        ----------
        n_ratings : int
            |Ω_u|.

        Returns
        -------
        ndarray of shape (1,), float32
            λ_u.
        """
        λ = self.regularizations.get(n_ratings)
        if λ is None:
            λ = self.regularizations[n_ratings] = row_regularization(n_ratings, self.n_items, self.hyperparameters)
        return λ

    def explain(
        self, item_indices: ArrayLike, targets: ArrayLike, shown: ArrayLike, weights: ArrayLike | None = None
    ) -> tuple[Doubles, Doubles]:
        """Divide scores into what everyone's taste and what each of the user's ratings adds to them.

        With A_u = w0 Σ_i c_i v_i v_iᵀ + Σ_j c_j (w_j − w0) v_j v_jᵀ + λ_u I, exactly:

            u·v_i = λ_u v_iᵀ A_u⁻¹ μ + Σ_j c_j w_j a_j v_iᵀ A_u⁻¹ v_j

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
            c_j w_j a_j v_iᵀ A_u⁻¹ v_j; a row's sum and its `everyone` make the score.
        """
        rated = np.asarray(item_indices, np.intp)
        of_rated = self.item_factors[rated].astype(np.float64)
        of_shown = self.item_factors[np.asarray(shown, np.intp)].astype(np.float64)
        n, k = of_rated.shape
        w0, is_free = self.shared.unobserved_weight, self.shared.is_free[:k].astype(np.float64)
        w = np.ones(n) if weights is None else np.asarray(weights, np.float64)
        c = self.item_weights[rated].astype(np.float64)
        quadratic = c * (w - w0)
        λ = max(float(row_regularization(n, self.n_items, self.hyperparameters)[0]), self.shared.least_regularization)
        D = w0 * self.shared.gramian[:k].astype(np.float64) + λ
        A = np.diag(D) + (of_rated.T * quadratic) @ of_rated * np.outer(is_free, is_free)
        influence: Doubles = np.linalg.solve(A, (of_shown * is_free).T).T @ (of_rated * is_free).T  # v_iᵀ A_u⁻¹ v_j
        # where a user without ratings lies; λ_u A_u⁻¹ μ is what is left of it beside the ratings
        m = np.where(is_free > 0, λ / D, 1.0) * self.shared.mean[:k]
        everyone: Doubles = of_shown @ m - influence @ (quadratic * (of_rated @ m))
        contributions = influence * (c * w * np.asarray(targets, np.float64))
        y = self._choices(rated)
        if len(y):  # rating j also moves what is expected, by y_j, whatever its value
            contributions += of_shown @ y.T - influence @ (quadratic[:, None] * (of_rated @ y.T))
        return everyone, contributions

    def _choices(self, rated: NDArray[np.intp]) -> Floats:
        # |Ω_u|^(−½) y_j of every rated item, zero for items added since training; nothing without selection
        if not len(self.item_selection):
            return self.item_selection
        is_trained = rated < len(self.item_selection)
        y = self.item_selection[np.where(is_trained, rated, 0)] * is_trained[:, None]
        choices: Floats = y * np.float32(max(int(is_trained.sum()), 1) ** -0.5)
        return choices

    def _expecting(self, rated: NDArray[np.intp]) -> Shared:
        # what all systems share, with this user's expectation as the mean
        y = self._choices(rated)
        if not len(y):
            return self.shared
        mean = self.shared.mean.copy()
        mean[: y.shape[1]] += y.sum(axis=0)
        return self.shared._replace(mean=mean)


@dataclass(frozen=True, slots=True)
class FoldInItem:
    """What folding new items in needs: the same row solver, from the users' side."""

    rotation: Floats
    """From the model's axes to the users' principal axes, ndarray of shape (n_factors, n_factors), float32."""

    shared: Shared
    """What the systems of all items share, in the users' principal axes."""

    mean_discount: Floats
    """Z, ndarray of shape (), float32."""

    n_users: int
    """Trained users."""

    hyperparameters: Hyperparameters
    """What the factors were fitted with."""

    @classmethod
    def of(cls, factors: FactorsOf[Any]) -> "FoldInItem":
        """Prepare folding items in.

        Parameters
        ----------
        factors : FactorsOf
            What `fit` returned.

        Returns
        -------
        FoldInItem
            Ready to use.
        """
        hyper, n_users = factors.hyperparameters, len(factors.user_factors)
        of_users = gramian(factors.user_factors)
        squares, axes = np.diag(of_users), np.eye(len(of_users))
        if hyper.unobserved_weight and factors.item_is_free.all():
            squares, axes = np.linalg.eigh(of_users)
        shared = shared_by_rows(
            hyper.unobserved_weight,
            np.maximum(squares, 0.0).astype(np.float32),
            n_users,
            factors.mean_item @ axes.astype(np.float32),
            factors.item_is_free,
        )
        return cls(axes.astype(np.float32), shared, factors.mean_discount, n_users, hyper)

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
            v; without raters, the mean item.
        """
        rotated = np.asarray(user_vectors, np.float32).reshape(-1, len(self.rotation)) @ self.rotation
        λ = row_regularization(len(rotated), self.n_users, self.hyperparameters)
        ones = np.ones(len(rotated), np.float32)
        return self.rotation @ fold_in(rotated, targets, weights, ones, λ / self.item_weight(len(rotated)), self.shared)

    def item_weight(self, n_ratings: int) -> Floats:
        """Compute c_i of a new item, which folding users in needs beside its vector.

        Parameters
        ----------
        n_ratings : int
            |Ω_i|.

        Returns
        -------
        ndarray of shape (1,), float32
            c_i.
        """
        return item_weight(np.array([n_ratings]), self.mean_discount, self.hyperparameters)


def fold_in(
    vectors: Floats,
    targets: ArrayLike,
    weights: ArrayLike | None,
    other_weights: Floats,
    regularization: Floats,
    shared: Shared,
) -> Floats:
    """Solve one row.

    Parameters
    ----------
    vectors : ndarray of shape (n, n_factors), float32
        The other side's vectors of the row's ratings.
    targets : array_like of shape (n,)
        a_ui.
    weights : array_like of shape (n,), optional
        w_ui; 1 when not given.
    other_weights : ndarray of shape (n,), float32
        c_i of items; 1 of users.
    regularization : ndarray of shape (1,), float32
        λ_u of a user, λ_i / c_i of an item.
    shared : Shared
        What all rows share.

    Returns
    -------
    ndarray of shape (n_factors,), float32
        The row's vector.
    """
    n, n_factors = vectors.shape
    side = Side(
        indptr=np.array([0, n], np.int64),
        indices=_PLACES[:n] if n <= len(_PLACES) else np.arange(n, dtype=np.int32),
        targets=np.array(targets, np.float32),
        weights=_ALL_ONES if weights is None else np.array(weights, np.float32),
        regularization=regularization,
        other_weights=other_weights,
    )
    solutions = np.zeros((1, n_factors), np.float32)
    solve_rows(0, 1, side, vectors, unpacked(n_factors), shared, 0, 0.0, solutions, room_for(n, n_factors))
    return solutions.reshape(-1)
