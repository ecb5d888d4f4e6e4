"""Invented ratings for speed alone, and the fastest a store takes their integers."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from app.storage.bulk import copy_rows, tuples
from app.storage.engine import connect_sqlite
from benchmarks.invented_ratings import invented_ratings

Rows = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]
_CHUNK = 500_000
_TABLE = """CREATE TABLE raw (user_key bigint NOT NULL, item_key bigint NOT NULL, value double precision,
    timestamp bigint NOT NULL, PRIMARY KEY (user_key, item_key))"""


def invent(n_rows: int, *, n_users: int = 138_000, n_items: int = 20_000, seed: int = 0) -> Rows:
    """Draw distinct pairs of users with tastes, so that there is something to learn, in no order."""
    matrix = invented_ratings(n_users, n_items, round(n_rows * 1.25), seed)  # pairs that are drawn twice count once
    if matrix.nnz < n_rows:
        raise ValueError(f"{n_users:,} users and {n_items:,} items give only {matrix.nnz:,} pairs")
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(matrix.nnz)[:n_rows]
    users = np.repeat(np.arange(n_users), np.diff(matrix.indptr))[drawn]
    values = np.round(matrix.data[drawn] * 9) / 2 + 0.5
    times = 1_500_000_000 + rng.integers(0, 200_000_000, n_rows)
    return users, matrix.indices[drawn].astype(np.int64), values.astype(np.float64), times


def write_csv(rows: Rows, path: Path) -> None:
    """Write a file as MovieLens has it."""
    with path.open("w") as out:
        out.write("userId,movieId,rating,timestamp\n")
        for start in range(0, len(rows[0]), _CHUNK):
            part = (column[start : start + _CHUNK].tolist() for column in rows)
            out.write("".join(f"{u},{i},{v},{t}\n" for u, i, v, t in zip(*part, strict=True)))


def insert_raw(url: str, rows: Rows) -> float:
    """Insert integers as fast as the store takes them, in large transactions; seconds."""
    started = time.perf_counter()
    if url.startswith("sqlite"):
        _insert_sqlite(url.removeprefix("sqlite:///"), rows)
    else:
        _insert_postgresql(url, rows)
    return time.perf_counter() - started


def _insert_sqlite(path: str, rows: Rows) -> None:
    connection: Any = connect_sqlite(path)
    connection.execute(f"{_TABLE} WITHOUT ROWID")
    for start in range(0, len(rows[0]), _CHUNK):
        part: Any = tuple(column[start : start + _CHUNK] for column in rows)
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO raw VALUES (?, ?, ?, ?)", tuples(part))
        connection.execute("COMMIT")
    connection.close()


def _insert_postgresql(url: str, rows: Rows) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(_TABLE)
        for start in range(0, len(rows[0]), _CHUNK):
            copy_rows(connection, "raw", tuple(column[start : start + _CHUNK] for column in rows))  # type: ignore[arg-type]
            connection.commit()
