"""A split given as two files, so that published protocols can be repeated; nothing of it enters the store."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.config import Settings
from app.errors import InvalidInputError
from app.factorization.evaluation import Split
from app.services.files.file_layouts import FileOptions
from app.services.files.rating_sources import ratings_in_file
from app.services.training.arranging import Arranged, target_matrix
from app.serving.item_table import ItemTable
from app.storage.catalogue import CatalogueRow


def read_split(
    train_path: Path,
    test_path: Path,
    settings: Settings,
    rows: Iterable[CatalogueRow],
    options: FileOptions | None = None,
) -> tuple[Arranged, Split]:
    """Read a split from files of the kinds that ``foldin import`` takes.

    Parameters
    ----------
    train_path, test_path : Path
        Ratings to fit on, ratings to judge by. A pair that is in both is not judged.
    settings : Settings
        The rating scale.
    rows : iterable of CatalogueRow
        What the store knows of items by these ids; others have no categories.
    options : FileOptions, optional
        How to read the files.

    Returns
    -------
    Arranged
        Users and items of both files, and the ratings to fit on.
    Split
        The same divided.

    Raises
    ------
    InvalidInputError
        If a file cannot be read as ratings, or nothing is left to fit on or to judge by.
    """
    train = _read(train_path, settings, options)
    test = _read(test_path, settings, options)
    known = train.keys()
    test = {pair: value for pair, value in test.items() if pair not in known}
    if not train or not test:
        raise InvalidInputError(f"{train_path if not train else test_path} holds no ratings to use")
    user_ids = sorted({user for user, _ in (*train, *test)}, key=str.encode)
    item_ids = sorted({item for _, item in (*train, *test)}, key=str.encode)
    users = {user: index for index, user in enumerate(user_ids)}
    items = {item: index for index, item in enumerate(item_ids)}
    shape = (len(users), len(items))
    matrices = [
        target_matrix(
            np.array([users[user] for user, _ in part], np.int64),
            np.array([items[item] for _, item in part], np.int64),
            np.array(list(part.values())),
            settings,
            shape=shape,
        )[0]
        for part in (train, test)
    ]
    table = _table(item_ids, {row.item_id: row for row in rows})
    no_times: NDArray[np.int64] = np.zeros(matrices[0].nnz, np.int64)
    arranged = Arranged(table, np.arange(shape[0]), matrices[0], no_times)
    return arranged, Split(matrices[0], no_times, matrices[1])


def _read(path: Path, settings: Settings, options: FileOptions | None) -> dict[tuple[str, str], float]:
    newest: dict[tuple[str, str], tuple[int, float]] = {}
    for batch in ratings_in_file(path, settings, options or FileOptions()):
        for rating in batch:
            pair = (rating.user_id, rating.item_id)
            moment = rating.timestamp or 0
            if moment >= newest.get(pair, (0, 0.0))[0]:
                newest[pair] = (moment, rating.value)
    return {pair: value for pair, (_, value) in newest.items()}


def _table(item_ids: list[str], rows: dict[str, CatalogueRow]) -> ItemTable:
    known = [rows.get(item_id) for item_id in item_ids]
    return ItemTable.of(
        item_keys=np.arange(len(item_ids)),
        item_ids=item_ids,
        titles=[row.title if row else None for row in known],
        categories=[row.categories if row else [] for row in known],
        hidden=[False for _ in known],
        popularity=np.zeros(len(item_ids)),
    )
