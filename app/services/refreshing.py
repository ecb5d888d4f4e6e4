"""Noticing a new model version or a changed catalogue, and swapping it in."""

from dataclasses import dataclass

import numpy as np

from app.config import Settings
from app.errors import ArtifactError
from app.serving.live import ItemChange, LiveModel, Snapshot
from app.serving.model import Model, from_arrays
from app.storage import catalogue, versions
from app.storage.artifacts import read_artifacts
from app.storage.engine import Store


@dataclass(slots=True)
class Refresher:
    """Keeps a live model up to date with the store; call ``refresh`` often, from one thread at a time.

    Attributes
    ----------
    store : Store
        What says which version is active and what changed in the catalogue.
    settings : Settings
        Where the versions lie.
    live : LiveModel
        What is swapped.
    """

    store: Store
    settings: Settings
    live: LiveModel
    _catalogue_revision: int = -1
    _refused: int | None = None

    def refresh(self) -> bool:
        """Look once, and swap if something is new.

        Returns
        -------
        bool
            Whether a snapshot was swapped in.

        Raises
        ------
        ArtifactError
            If the active version's files are damaged, once a version; what was served goes on being served.
        """
        with self.store.read() as connection:
            active = versions.active_version(connection)
            revision = catalogue.catalogue_revision(connection)
            current = self.live.current
            is_new_version = active is not None and (current is None or current.model.version != active)
        if active is None or not (is_new_version or revision != self._catalogue_revision):
            return False
        model = self._load(active) if is_new_version or current is None else current.model
        if model is None:
            return False
        with self.store.read() as connection:
            revision = catalogue.catalogue_revision(connection)
            changed = catalogue.changed_items(connection, model.description["catalogue_revision"])
        self.live.swap(Snapshot.of(model, _changes_of(model, changed)))
        self._catalogue_revision = revision
        return True

    def _load(self, version: int) -> Model | None:
        if version == self._refused:
            return None
        try:
            files = read_artifacts(self.settings.models_dir / str(version))
            return from_arrays(version, files.arrays, files.description)
        except ArtifactError:
            self._refused = version
            raise


def _changes_of(model: Model, rows: list[catalogue.CatalogueRow]) -> dict[int, ItemChange]:
    indices = model.items.indices_of(np.array([row.item_key for row in rows], np.int64))
    pairs = zip(indices.tolist(), rows, strict=True)
    return {index: ItemChange(row.title, frozenset(row.categories), row.hidden) for index, row in pairs if index >= 0}
