"""The inner loops: products with a row's gathered vectors, and Cholesky's factorization.

Rows are taken four at a time, so that what is added to is read and written a quarter as often. Arrays are padded with
zeros to `LANES` columns and `ROWS` rows, so that no loop has a remainder, and inner loops run over views that start at
zero, so that the compiler need not think of negative indices; both are what lets it use the vector units.

LAPACK would do it too; but these matrices are so small that its calls would cost more than the arithmetic, and its
threads would compete with ours.
"""

import numpy as np

from app.factorization.arrays import Floats
from app.factorization.compiled import compiled_part, inlined, shared_with_kernels

LANES = 16
"""Floats in a vector register of today's widest machines."""

ROWS = 4
"""Rows taken together."""


@shared_with_kernels
def padded(n: int, multiple: int) -> int:
    """Round a length up.

    Parameters
    ----------
    n : int
        A length.
    multiple : int
        Of what.

    Returns
    -------
    int
        The next multiple.
    """
    return (n + multiple - 1) // multiple * multiple


@inlined
def larger(a: np.float32, b: np.float32 | float) -> np.float32 | float:
    """Choose the larger of two numbers, as `max` does, which takes a tenth of a second to compile.

    Parameters
    ----------
    a : float32
        One.
    b : float32
        The other.

    Returns
    -------
    float32
        Either.
    """
    return a if a > b else b  # noqa: FURB136


@compiled_part
def add_products(X: Floats, point: Floats, slopes: Floats, offsets: Floats, image: Floats) -> np.float32:
    """Add Xᵀr of r = t − c ∘ Xp, and compute pᵀXᵀr, reading every x_j once.

    Parameters
    ----------
    X : ndarray of shape (n, n_factors), float32
        Rows x_j, padded.
    point : ndarray of shape (n_factors,), float32
        p.
    slopes : ndarray of shape (n or more,), float32
        c.
    offsets : ndarray of shape (n or more,), float32
        t.
    image : ndarray of shape (n_factors,), float32
        Where Xᵀr goes; of shape (0,) where only the number is wanted, for half the work.

    Returns
    -------
    float32
        pᵀXᵀr.
    """
    n, n_factors = X.shape
    total = np.float32(0.0)
    for j in range(0, n, 4):
        a = b = c = d = np.float32(0.0)
        for f in range(n_factors):
            a += X[j, f] * point[f]
            b += X[j + 1, f] * point[f]
            c += X[j + 2, f] * point[f]
            d += X[j + 3, f] * point[f]
        p = offsets[j] - slopes[j] * a
        q = offsets[j + 1] - slopes[j + 1] * b
        r = offsets[j + 2] - slopes[j + 2] * c
        s = offsets[j + 3] - slopes[j + 3] * d
        total += p * a + q * b + r * c + s * d
        if len(image):
            for f in range(n_factors):
                image[f] += p * X[j, f] + q * X[j + 1, f] + r * X[j + 2, f] + s * X[j + 3, f]
    return total


@compiled_part
def add_outer_products(X: Floats, system: Floats) -> None:
    """Add XᵀX to the upper triangle of a system.

    Parameters
    ----------
    X : ndarray of shape (n, n_factors), float32
        Rows x_j, padded.
    system : ndarray of shape (n_factors, n_factors), float32
        Where it goes; some of the lower triangle is overwritten.
    """
    n, n_factors = X.shape
    for j in range(0, n, 4):
        for f in range(0, n_factors, 4):
            near = f // LANES * LANES
            p, q, r, s = X[j, near:], X[j + 1, near:], X[j + 2, near:], X[j + 3, near:]
            for h in range(f, f + 4):
                a, b, c, d = X[j, h], X[j + 1, h], X[j + 2, h], X[j + 3, h]
                to = system[h, near:]
                for g in range(n_factors - near):
                    to[g] += a * p[g] + b * q[g] + c * r[g] + d * s[g]


@compiled_part
def set_inner_products(X: Floats, system: Floats) -> None:
    """Set the upper triangle of a system to XXᵀ, two by four products at a time.

    Parameters
    ----------
    X : ndarray of shape (n, n_factors), float32
        Rows x_j, padded.
    system : ndarray of shape (n or more, n or more), float32
        Where it goes; some of the lower triangle is overwritten.
    """
    n, n_factors = X.shape
    for i in range(0, n, 2):
        p, q = X[i], X[i + 1]
        for j in range(i // 4 * 4, n, 4):
            r, s, t, u = X[j], X[j + 1], X[j + 2], X[j + 3]
            pr = ps = pt = pu = qr = qs = qt = qu = np.float32(0.0)
            for f in range(n_factors):
                pr += p[f] * r[f]
                ps += p[f] * s[f]
                pt += p[f] * t[f]
                pu += p[f] * u[f]
                qr += q[f] * r[f]
                qs += q[f] * s[f]
                qt += q[f] * t[f]
                qu += q[f] * u[f]
            system[i, j], system[i, j + 1], system[i, j + 2], system[i, j + 3] = pr, ps, pt, pu
            system[i + 1, j], system[i + 1, j + 1], system[i + 1, j + 2], system[i + 1, j + 3] = qr, qs, qt, qu


@compiled_part
def solve_cholesky(system: Floats, right: Floats) -> None:
    """Solve (S + I) y = right for a positive semidefinite S, as S + I = RᵀR.

    Parameters
    ----------
    system : ndarray of shape (n, n), float32
        The upper triangle of S, n a multiple of `LANES`; overwritten by R.
    right : ndarray of shape (n,), float32
        The right side; overwritten by y.
    """
    n = len(right)
    for p in range(0, n, 4):
        for i in range(p, p + 4):  # four rows of R, and of z in Rᵀz = right
            # the pivots of S + I are never below 1, except by rounding
            root = np.sqrt(larger(system[i, i] + np.float32(1.0), np.float32(1.0)))
            near = i // LANES * LANES
            row = system[i, near:]
            for g in range(n - near):
                row[g] /= root
            system[i, i] = root
            right[i] /= root
            for h in range(i + 1, p + 4):
                factor = system[i, h]
                right[h] -= factor * right[i]
                to = system[h, near:]
                for g in range(n - near):
                    to[g] -= factor * row[g]
        for i in range(p + 4, n):  # the rest of S without them
            near = i // LANES * LANES
            a, b, c, d = system[p, i], system[p + 1, i], system[p + 2, i], system[p + 3, i]
            right[i] -= a * right[p] + b * right[p + 1] + c * right[p + 2] + d * right[p + 3]
            q, r, s, t = system[p, near:], system[p + 1, near:], system[p + 2, near:], system[p + 3, near:]
            to = system[i, near:]
            for g in range(n - near):
                to[g] -= a * q[g] + b * r[g] + c * s[g] + d * t[g]
    for p in range(n - 1, -1, -1):  # R y = z
        row, known = system[p, p + 1 :], right[p + 1 :]
        rest = right[p]
        for g in range(n - p - 1):
            rest -= row[g] * known[g]
        right[p] = rest / system[p, p]
