"""How much memory a training will take, told from the numbers of rows, and how much it may take."""

import os
from pathlib import Path

from app.config import Settings
from app.errors import TrainingFailedError
from app.services.training.configuring import Configuration
from app.storage.counting import StoreCounts, count_rows, most_rows
from app.storage.engine import Store

MEBIBYTE = 1 << 20
_SHARE = 0.75  # of the machine: the rest is for the API's processes and the database
_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))

# What a training was seen to take at most, a little rounded up; tests/integration/test_trainer_process.py holds it.
_BASE_BYTES = 200 * MEBIBYTE  # the interpreter, compiled code, blocks of scores
_BYTES_A_RATING = 160
_BYTES_A_NAME = 700  # a user or an item: ids, titles, digests, rows of the catalogue
_VECTORS = 6  # of every row at once: the trial's, the refit's, turned and not, and what is written


def estimated_bytes(counts: StoreCounts, n_factors: int) -> int:
    """Estimate the memory that a training takes at its highest.

    Parameters
    ----------
    counts : StoreCounts
        What the store holds.
    n_factors : int
        Length of the vectors.

    Returns
    -------
    int
        Bytes, rather too many than too few.
    """
    n_rows = counts.n_users + counts.n_items
    by_row = n_rows * (_BYTES_A_NAME + _VECTORS * 4 * n_factors)
    return _BASE_BYTES + counts.n_ratings * _BYTES_A_RATING + by_row + 12 * 8 * n_factors * n_factors


def memory_limit(settings: Settings) -> int:
    """Say how much memory a training may take.

    Parameters
    ----------
    settings : Settings
        May name a limit.

    Returns
    -------
    int
        Bytes; by default three quarters of the machine's or the container's.
    """
    if settings.train_memory_mib is not None:
        return settings.train_memory_mib * MEBIBYTE
    there_is = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for path in _CGROUP_LIMITS:
        try:
            there_is = min(there_is, int(path.read_text()))
        except (OSError, ValueError):
            continue  # no such kind of container, or "max"
    return int(_SHARE * there_is)


def refuse_what_cannot_fit(store: Store, settings: Settings, configuration: Configuration) -> None:
    """Compare the estimate with the limit before anything is loaded.

    Parameters
    ----------
    store : Store
        Its rows are counted.
    settings : Settings
        May name a limit.
    configuration : Configuration
        Says how long vectors are.

    Raises
    ------
    TrainingFailedError
        If the training would not fit.
    """
    n_factors, limit = configuration.hyperparameters.n_factors, memory_limit(settings)
    with store.read() as connection:
        if estimated_bytes(most_rows(connection), n_factors) <= limit:
            return  # to count the ratings takes a good part of the time of loading them
        counts = count_rows(connection)
    needed = estimated_bytes(counts, n_factors)
    if needed > limit:
        raise TrainingFailedError(
            f"{counts.n_ratings:,} ratings of {counts.n_items:,} items by {counts.n_users:,} users with {n_factors} "
            f"factors take about {needed // MEBIBYTE:,} MiB, and a training may take {limit // MEBIBYTE:,}; lower "
            "FOLDIN_N_FACTORS or raise FOLDIN_TRAIN_MEMORY_MIB"
        )
