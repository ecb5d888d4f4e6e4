"""Alternating least squares: with one side held, the loss is a ridge regression for every row of the other."""

import time
from collections.abc import Callable
from dataclasses import replace

from scipy.sparse import csr_array

from app.factorization.arrays import Floats
from app.factorization.half_epoch import solve_half_epoch
from app.factorization.hyperparameters import Hyperparameters
from app.factorization.objective import Epoch, Factors, loss
from app.factorization.principal_axes import in_principal_axes, mean_user_of
from app.factorization.row_blocks import RowBlocks
from app.factorization.row_solver import shared_by_rows
from app.factorization.selection import beyond_expectation, selection_matrix, solve_selection
from app.factorization.side import Side, both_sides

RELAXATION = 0.4
"""ω: how much further than its conjugate-gradient steps a row goes.

Alternating creeps along valleys that both sides share; going further on each side (successive over-relaxation) follows
them. Along the way that the steps went, the loss is a parabola whose bottom they found, so it cannot rise for ω ≤ 1:
(1 − ω²) of what they gained remains."""


def alternate(
    user_items: csr_array,
    start: Factors,
    rows: RowBlocks,
    *,
    n_steps: int,
    weights: Floats | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Factors:
    """Minimize the loss from a start, by turns over items and users.

    Parameters
    ----------
    user_items : csr_array of shape (n_users, n_items), float32
        The targets.
    start : Factors
        Where to start, and the hyper-parameters; its arrays are overwritten.
    rows : RowBlocks
        Threads to share the work.
    n_steps : int
        Conjugate-gradient steps per row in all half-epochs but the last; 0 solves every row exactly, and 1 is gradient
        descent with the best step length, without relaxation.
    weights : ndarray of shape (n_ratings,), float32, optional
        w_ui; 1 when not given.
    on_epoch : callable, optional
        Told after every epoch; computing its loss costs about a third of an epoch.

    Returns
    -------
    Factors
        The last half-epoch is the users', and exact: every user's row is what folding in its ratings gives.
    """
    factors, n_epochs = start, start.hyperparameters.n_epochs
    users, items = both_sides(user_items, start.hyperparameters, start.item_weights, weights)
    ω = RELAXATION if n_steps > 1 else 0.0
    for epoch in range(1, n_epochs + 1):
        began = time.perf_counter()
        is_last = epoch == n_epochs
        factors = solve_items(factors, items, rows, n_steps, ω)
        factors = solve_users(factors, users, rows, 0 if is_last else n_steps, 0.0 if is_last else ω)
        seconds = time.perf_counter() - began
        if on_epoch:
            on_epoch(Epoch(epoch, loss(user_items, factors, weights=weights, rows=rows), seconds))
    return factors


def solve_items(factors: Factors, items: Side, rows: RowBlocks, n_steps: int, relaxation: float = 0.0) -> Factors:
    """Solve all items' vectors against the users'.

    Parameters
    ----------
    factors : Factors
        U and V before; overwritten.
    items : Side
        The items' ratings.
    rows : RowBlocks
        Threads to share the work.
    n_steps : int
        Conjugate-gradient steps; 0 for exactly.
    relaxation : float
        ω.

    Returns
    -------
    Factors
        The same arrays, in the users' principal axes.
    """
    U, V, w0 = factors.user_factors, factors.item_factors, factors.hyperparameters.unobserved_weight
    user_gramian = in_principal_axes(U, V, w0, rows)
    shared = shared_by_rows(w0, user_gramian, len(U), factors.mean_item, factors.item_is_free)
    if not factors.hyperparameters.has_selection:
        solve_half_epoch(items, U, shared, V, rows, n_steps, relaxation)
        return factors
    λ, Z = items.regularization * factors.item_weights, factors.user_selection
    lessened, shifts, Z = _set_expectations_apart(items, λ, factors.mean_item, U, V, Z, factors.hyperparameters)
    solve_half_epoch(lessened, U, shared, V, rows, n_steps, relaxation)
    V += shifts
    return replace(factors, user_selection=Z)


def solve_users(factors: Factors, users: Side, rows: RowBlocks, n_steps: int, relaxation: float = 0.0) -> Factors:
    """Solve all users' vectors against the items'.

    Parameters
    ----------
    factors : Factors
        U and V before; overwritten.
    users : Side
        The users' ratings.
    rows : RowBlocks
        Threads to share the work.
    n_steps : int
        Conjugate-gradient steps; 0 for exactly.
    relaxation : float
        ω.

    Returns
    -------
    Factors
        The same arrays, in the items' principal axes, and a new mean user.
    """
    U, V, w0 = factors.user_factors, factors.item_factors, factors.hyperparameters.unobserved_weight
    item_gramian = in_principal_axes(V, U, w0, rows, factors.item_weights)
    λ, Y, lessened, shifts = users.regularization, factors.item_selection, users, None
    if factors.hyperparameters.has_selection:
        lessened, shifts, Y = _set_expectations_apart(users, λ, factors.mean_user, V, U, Y, factors.hyperparameters)
    mean_user = mean_user_of(factors, λ)
    shared = shared_by_rows(w0, item_gramian, len(V), mean_user, factors.user_is_free)
    solve_half_epoch(lessened, V, shared, U, rows, n_steps, relaxation)
    if shifts is not None:
        U += shifts
    return replace(factors, mean_user=mean_user, item_gramian=item_gramian, item_selection=Y)


def _set_expectations_apart(
    side: Side,
    regularization: Floats,
    mean: Floats,
    others: Floats,
    vectors: Floats,
    selection: Floats,
    hyperparameters: Hyperparameters,
) -> tuple[Side, Floats, Floats]:
    # solves Y; then takes x_u Y off the rows' vectors, in place, and what it says off their targets
    chosen = selection_matrix(side.indptr, side.indices, len(others))
    penalty = hyperparameters.selection_regularization
    selection = solve_selection(chosen, regularization, vectors - mean, selection, penalty)
    shifts: Floats = chosen @ selection
    vectors -= shifts
    targets = beyond_expectation(chosen, side.targets, others, shifts)
    return side._replace(targets=targets), shifts, selection
