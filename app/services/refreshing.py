"""Noticing a new model version or a changed catalogue, and swapping it in."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy import Connection

from app.config import Settings
from app.errors import ArtifactError, VersionGoneError
from app.services.clock import now_microseconds
from app.serving.live import ItemChange, LiveModel, Snapshot
from app.serving.model import Model, from_arrays
from app.storage import catalogue, versions
from app.storage.artifacts import read_artifacts
from app.storage.engine import Store
from app.storage.secrets import read_secret


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
    _refused: int | None = field(default=None)

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
        current = self.live.current
        with self.store.read() as connection:
            if self.live.cursor_secret is None:
                self.live.cursor_secret = read_secret(connection, "cursors")
            active = versions.active_version(connection)
            revision = catalogue.catalogue_revision(connection)
        is_new_version = active is not None and (current is None or current.model.version != active)
        is_same_catalogue = revision == self._catalogue_revision and not _is_outdated(current)
        if active is None or (is_same_catalogue and not is_new_version):
            return False
        if is_new_version or current is None:
            held = self.live.find(active)
            model = held.model if held else self._load(active)
        else:
            model = current.model
        if model is None:
            return False
        with self.store.read() as connection:
            revision = catalogue.catalogue_revision(connection)
            for other in self.live.recent.values():
                if other.model.version != active:
                    self.live.keep(snapshot_of(other.model, connection))
            self.live.swap(snapshot_of(model, connection))
        self._catalogue_revision = revision
        return True

    def recall(self, version: int) -> Snapshot:
        """Load a version that was served before, for a cursor that names it.

        Parameters
        ----------
        version : int
            Which.

        Returns
        -------
        Snapshot
            With the catalogue of now.

        Raises
        ------
        VersionGoneError
            If it is not kept any more.
        """
        try:
            files = read_artifacts(self.settings.models_dir / str(version))
            model = from_arrays(version, files.arrays, files.description)
        except ArtifactError:
            raise VersionGoneError("the model version that these pages began with is not kept any more") from None
        with self.store.read() as connection:
            return snapshot_of(model, connection)

    def _load(self, version: int) -> Model | None:
        if version == self._refused:
            return None
        try:
            files = read_artifacts(self.settings.models_dir / str(version))
            return from_arrays(version, files.arrays, files.description)
        except ArtifactError:
            self._refused = version
            raise


def snapshot_of(model: Model, connection: Connection) -> Snapshot:
    """Lay the catalogue of now over a model.

    Parameters
    ----------
    model : Model
        A version.
    connection : Connection
        To read from.

    Returns
    -------
    Snapshot
        To be served until its ``valid_until``.
    """
    now, since = now_microseconds(), model.description["catalogue_revision"]
    changed = catalogue.changed_items(connection, since)
    dated = catalogue.dated_items(connection)
    rows = {row.item_key: row for row in [*dated, *changed]}
    deleted = _indices(model, catalogue.deleted_items_since(connection, since))
    dates = [date for row in dated for date in (row.available_from, row.available_until) if date and date > now]
    changes = {
        index: ItemChange(row.title, frozenset(row.categories), row.hidden or not row.is_available(now))
        for index, row in zip(_indices(model, rows), rows.values(), strict=True)
        if index >= 0
    }
    gone = [index for index in deleted if index >= 0]
    return Snapshot.of(model, changes, deleted=gone, valid_until=min(dates, default=None))


def _is_outdated(snapshot: Snapshot | None) -> bool:
    return snapshot is not None and snapshot.valid_until is not None and snapshot.valid_until <= now_microseconds()


def _indices(model: Model, item_keys: Iterable[int]) -> list[int]:
    return [int(index) for index in model.items.indices_of(np.array(list(item_keys), np.int64))]
