"""Cholesky factorization and products for the small symmetric systems of single rows.

LAPACK would do it too; but these matrices are so small that the calls, and threads of its own, would cost more than
the arithmetic, and its answer may depend on the number of threads.
"""

import numpy as np

from app.factorization.arrays import Floats
from app.factorization.compiled import compiled


@compiled
def add_outer_products(X: Floats, system: Floats) -> None:
    """Add XᵀX to the upper triangle of a system.

    Parameters
    ----------
    X : ndarray of shape (n, n_factors), float32
        Rows x_j, taken four at a time so that the system is read and written a quarter as often.
    system : ndarray of shape (n_factors, n_factors), float32
        Where it goes; the lower triangle stays.
    """
    n, n_factors = X.shape
    whole = n - n % 4
    for j in range(0, whole, 4):
        for f in range(n_factors):
            a, b, c, d = X[j, f], X[j + 1, f], X[j + 2, f], X[j + 3, f]
            for g in range(f, n_factors):
                system[f, g] += a * X[j, g] + b * X[j + 1, g] + c * X[j + 2, g] + d * X[j + 3, g]
    for j in range(whole, n):
        for f in range(n_factors):
            for g in range(f, n_factors):
                system[f, g] += X[j, f] * X[j, g]


@compiled
def add_inner_products(X: Floats, system: Floats) -> None:
    """Add XXᵀ to the upper triangle of a system.

    Parameters
    ----------
    X : ndarray of shape (n, n_factors), float32
        Rows x_j.
    system : ndarray of shape (n, n), float32
        Where it goes; the lower triangle stays.
    """
    n, n_factors = X.shape
    for i in range(n):
        for j in range(i, n):
            product = np.float32(0.0)
            for f in range(n_factors):
                product += X[i, f] * X[j, f]
            system[i, j] += product


@compiled
def solve_cholesky(system: Floats, right: Floats) -> None:
    """Solve (S + I) y = right for a positive semidefinite S.

    Parameters
    ----------
    system : ndarray of shape (n, n), float32
        The upper triangle of S; overwritten by R, S + I = RᵀR.
    right : ndarray of shape (n,), float32
        The right side; overwritten by y.
    """
    n = len(right)
    for p in range(n):
        # the pivots of S + I are never below 1, except by rounding
        root = np.sqrt(max(system[p, p] + np.float32(1.0), np.float32(1.0)))
        system[p, p] = root
        inverse = np.float32(1.0) / root
        for g in range(p + 1, n):
            system[p, g] *= inverse
        right[p] *= inverse  # Rᵀ z = right, as R grows
        for i in range(p + 1, n):
            factor = system[p, i]
            right[i] -= factor * right[p]
            for g in range(i, n):
                system[i, g] -= factor * system[p, g]
    for p in range(n - 1, -1, -1):  # R y = z
        rest = right[p]
        for g in range(p + 1, n):
            rest -= system[p, g] * right[g]
        right[p] = rest / system[p, p]
