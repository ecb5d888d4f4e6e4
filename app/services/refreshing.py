"""Noticing a new model version or a changed catalogue, and swapping it in."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import numpy as np
from sqlalchemy import Connection

from app.config import Settings
from app.errors import ArtifactError, StoreUnavailableError, VersionGoneError
from app.services.access_keys import list_keys
from app.services.clock import now_microseconds
from app.serving.live import LiveModel
from app.serving.model import Model, from_arrays
from app.serving.snapshot import ItemChange, Snapshot
from app.serving.supplement import Supplement, read_supplement
from app.serving.warming import load_kernels
from app.storage import catalogue, versions
from app.storage.engine import Store
from app.storage.secrets import read_secret
from app.storage.shipping import obtain_artifacts
from app.storage.supplements import latest_supplement, supplement_name

_TRY_AGAIN_SECONDS = 30.0


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
    _refused: tuple[int, int] | None = field(default=None)
    _try_again_at: float = 0.0
    _n_threads: int = 1  # to compute checksums with

    def load_ahead(self) -> None:
        """Load what is active before anything serves, once for all processes that are forked then.

        No connection stays open. Where nothing can be had, whoever serves finds out why, and tries again.
        """
        self._n_threads = os.cpu_count() or 1  # nobody waits for an answer yet
        try:
            list_keys(self.store)  # as whoever serves will: a statement is compiled where it is first used
            self.refresh()
        except (StoreUnavailableError, ArtifactError):
            self.let_go()
        finally:
            self._n_threads = 1
            self.store.close()

    def let_go(self) -> None:
        """Hold nothing that was loaded any longer, as if nothing had been."""
        self.live = LiveModel()
        self._catalogue_revision, self._refused, self._try_again_at = -1, None, 0.0

    def refresh(self) -> bool:
        """Look once, and swap if something is new.

        Returns
        -------
        bool
            Whether a snapshot was swapped in.

        Raises
        ------
        ArtifactError
            If the active version's files are damaged, every half a minute; what was served goes on being served, or
            after a start the newest of the older versions that can be.
        """
        with self.store.read() as connection:
            if self.live.cursor_secret is None:
                self.live.user_secret = read_secret(connection, "user-ids")
                self.live.cursor_secret = read_secret(connection, "cursors")
            active = versions.active_version(connection)
            revision = catalogue.catalogue_revision(connection)
            number = 0 if active is None else latest_supplement(connection, active)
        if active is None:
            return False
        current, identity = self.live.current, (active, number)
        is_new = current is None or current.identity != identity
        if not is_new and revision == self._catalogue_revision and not _is_outdated(current):
            return False
        try:
            parts = self._parts(identity)
        except ArtifactError:
            if current is None:
                self._serve_older()
            raise
        if parts is None:  # refused a moment ago; what is served goes on, with the catalogue of now
            if current is None or (revision == self._catalogue_revision and not _is_outdated(current)):
                return False
            parts = current.model, current.supplement
        else:
            self.live.refused_version = None
        with self.store.read() as connection:
            revision = catalogue.catalogue_revision(connection)
            for other in self.live.recent.values():
                if other.identity != identity:
                    self.live.keep(snapshot_of(other.model, other.supplement, connection))
            self.live.swap(snapshot_of(*parts, connection))
        self._catalogue_revision = revision
        return True

    def recall(self, version: int, supplement: int) -> Snapshot:
        """Load a version that was served before, for a cursor that names it.

        Parameters
        ----------
        version : int
            Which.
        supplement : int
            With which of its supplements; 0 for none.

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
            model = self._model(version)
            added = self._supplement(model, supplement)
        except ArtifactError:
            raise VersionGoneError("the model version that these pages began with is not kept any more") from None
        with self.store.read() as connection:
            return snapshot_of(model, added, connection)

    def _parts(self, identity: tuple[int, int]) -> tuple[Model, Supplement | None] | None:
        held = self.live.find(*identity)
        if held is not None:
            return held.model, held.supplement
        if identity == self._refused and monotonic() < self._try_again_at:
            return None
        try:
            model = self._model(identity[0])
            return model, self._supplement(model, identity[1])
        except ArtifactError:
            self._refused, self.live.refused_version = identity, identity[0]
            self._try_again_at = (
                monotonic() + _TRY_AGAIN_SECONDS
            )  # whoever restores the files need not restart anything
            raise

    def _serve_older(self) -> None:
        with self.store.read() as connection:
            for kept in versions.list_versions(connection):
                try:
                    self.live.swap(snapshot_of(self._model(kept.version), None, connection))
                except ArtifactError:
                    continue
                return

    def _model(self, version: int) -> Model:
        for held in (self.live.current, *self.live.recent.values()):
            if held is not None and held.model.version == version:
                return held.model
        return load_model(self.store, self.settings.models_dir, version, self._n_threads)

    def _supplement(self, model: Model, number: int) -> Supplement | None:
        if not number:
            return None
        files = obtain_artifacts(self.store, self.settings.models_dir, supplement_name(model.version, number))
        return read_supplement(number, files.arrays, model)


def load_model(store: Store, models_dir: Path, version: int, n_threads: int) -> Model:
    """Load a version, and what is needed to answer from it.

    Parameters
    ----------
    store : Store
        Where its files are stored.
    models_dir : Path
        Where versions lie on this machine.
    version : int
        Which.
    n_threads : int
        To compute checksums with.

    Returns
    -------
    Model
        Verified.
    """
    with ThreadPoolExecutor(1) as threads:  # checksums are computed without the GIL, machine code is loaded with it
        files = threads.submit(obtain_artifacts, store, models_dir, version, n_threads)
        load_kernels()
        found = files.result()
    model = from_arrays(version, found.arrays, found.description)
    found.let_go_of_pages()
    return model


def snapshot_of(model: Model, supplement: Supplement | None, connection: Connection) -> Snapshot:
    """Lay the catalogue of now over a model.

    Parameters
    ----------
    model : Model
        A version.
    supplement : Supplement or None
        What came after it.
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
    bare = Snapshot.of(model, {}, supplement=supplement)
    deleted = _indices(bare, catalogue.deleted_items_since(connection, since))
    dates = [date for row in dated for date in (row.available_from, row.available_until) if date and date > now]
    changes = {
        index: ItemChange(row.title, frozenset(row.categories), row.hidden or not row.is_available(now))
        for index, row in zip(_indices(bare, rows), rows.values(), strict=True)
        if index >= 0
    }
    gone = [index for index in deleted if index >= 0]
    return Snapshot.of(model, changes, deleted=gone, valid_until=min(dates, default=None), supplement=supplement)


def _is_outdated(snapshot: Snapshot | None) -> bool:
    return snapshot is not None and snapshot.valid_until is not None and snapshot.valid_until <= now_microseconds()


def _indices(snapshot: Snapshot, item_keys: Iterable[int]) -> list[int]:
    return [int(index) for index in snapshot.from_keys(np.array(list(item_keys), np.int64))]
