"""One training from the first row to the published version: load, fit, gate, publish."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from app.config import Settings
from app.errors import FoldinError, SupersededError, TrainingFailedError
from app.factorization import Epoch, Factors, Hyperparameters, fit
from app.services.clock import now_microseconds
from app.serving.model import ItemTable, from_arrays, to_arrays
from app.storage import artifacts, catalogue, training_runs, versions
from app.storage.engine import Store
from app.storage.ratings import n_rating_changes
from app.storage.training_data import TrainingData, load_training_data
from app.storage.training_runs import TrainingRun
from app.storage.versions import Lease

LEASE_SECONDS = 30.0
_RENEW_SECONDS = 5.0
_RECORD_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Progress:
    """What a training tells whoever watches it."""

    run_id: int
    n_ratings: int
    n_epochs: int
    epoch: Epoch | None


def train_once(
    store: Store,
    settings: Settings,
    *,
    skip_unchanged: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> TrainingRun | None:
    """Train, and publish what passes the gate.

    Parameters
    ----------
    store : Store
        Where ratings come from and the run is recorded.
    settings : Settings
        Method, hyper-parameters, scale, directories.
    skip_unchanged : bool
        Whether to end as ``skipped`` when neither ratings nor settings changed since the active version.
    on_progress : callable, optional
        Told when the ratings are loaded and after every epoch.

    Returns
    -------
    TrainingRun or None
        How it ended; None when another trainer is at work.
    """
    holder = f"{socket.gethostname()}:{os.getpid()}"
    with store.write() as connection:
        now = now_microseconds()
        lease = versions.take_lease(connection, holder, now=now, seconds=LEASE_SECONDS)
        if lease is None:
            return None
        run_id = training_runs.start_run(connection, now=now)
    run = _Run(store, settings, lease, run_id, on_progress or (lambda _: None))
    try:
        with run.lease_renewed():
            run.record(**run.execute(skip_unchanged=skip_unchanged), finished_at=now_microseconds())
    except SupersededError as error:
        run.record(status="failed", reason=str(error), finished_at=now_microseconds())
    except Exception as error:
        run.record(status="failed", reason=_reason(error), finished_at=now_microseconds())
        if not isinstance(error, (FoldinError, MemoryError)):
            raise
    finally:
        with store.write() as connection:
            versions.release_lease(connection, lease)
    with store.read() as connection:
        return training_runs.find_run(connection, run_id)


def hyperparameters_of(settings: Settings) -> Hyperparameters:
    """Read the hyper-parameters that the settings give, with the defaults for the others.

    Parameters
    ----------
    settings : Settings
        From the environment.

    Returns
    -------
    Hyperparameters
        For the next training.
    """
    names = ("n_factors", "unobserved_weight", "regularization", "regularization_exponent", "n_epochs")
    given: dict[str, Any] = {name: value for name in names if (value := getattr(settings, name)) is not None}
    return Hyperparameters(**given)


class _Run:
    """One training under a lease; its steps in order are in ``execute``."""

    def __init__(
        self, store: Store, settings: Settings, lease: Lease, run_id: int, on_progress: Callable[[Progress], None]
    ) -> None:
        self.store, self.settings, self.lease, self.run_id = store, settings, lease, run_id
        self.on_progress = on_progress
        self.hyperparameters = hyperparameters_of(settings)
        self.epochs: list[dict[str, Any]] = []
        self._recorded_at = 0.0
        self._is_superseded = threading.Event()

    def execute(self, *, skip_unchanged: bool) -> dict[str, Any]:
        """Go through the steps.

        Parameters
        ----------
        skip_unchanged : bool
            Whether to end at once when there is nothing new.

        Returns
        -------
        dict
            What to record of the run at its end.

        Raises
        ------
        TrainingFailedError
            If no model can come of the ratings.
        """
        configuration = {
            "method": self.settings.method,
            "hyperparameters": asdict(self.hyperparameters),
            "rating_scale": [self.settings.rating_min, self.settings.rating_max],
            "seed": self.settings.seed,
        }
        self.record(hyperparameters=configuration["hyperparameters"])
        if skip_unchanged and self._is_unchanged(configuration):
            return {"status": "skipped", "reason": "neither ratings nor settings changed since the active version"}
        artifacts.remove_unfinished(self.settings.models_dir)
        started = perf_counter()
        with self.store.read() as connection:
            data = load_training_data(connection)
            rows = catalogue.items_by_key(connection)
            revision = catalogue.catalogue_revision(connection)
        if len(data.values) == 0:
            raise TrainingFailedError("there are no ratings yet; send some to POST /ratings or use `foldin import`")
        items, user_keys, user_items = _arrange(data, rows, self.settings)
        size = {"n_ratings": len(data.values), "n_users": len(user_keys), "n_items": len(items.item_keys)}
        self.record(**size, n_changes=data.n_changes, load_seconds=perf_counter() - started)
        self.on_progress(Progress(self.run_id, len(data.values), self.hyperparameters.n_epochs, None))
        factors = fit(
            user_items,
            self.hyperparameters,
            method=self.settings.method,
            seed=self.settings.seed,
            n_threads=self.settings.n_threads or os.cpu_count() or 1,
            on_epoch=lambda epoch: self._after_epoch(epoch, len(data.values)),
        )
        self.record(epochs=self.epochs)
        if reason := _refusal(factors, self.epochs):
            return {"status": "refused", "reason": reason}
        description = configuration | size | {"n_changes": data.n_changes, "catalogue_revision": revision}
        description["created_at"] = now_microseconds()
        version = self._publish(to_arrays(factors, items, user_keys), description, data)
        return {"status": "succeeded", "model_version": version}

    def record(self, **values: object) -> None:
        """Note something about the run in the store.

        Parameters
        ----------
        **values : object
            Columns of ``training_runs``.
        """
        with self.store.write() as connection:
            training_runs.record_run(connection, self.run_id, **values)

    @contextmanager
    def lease_renewed(self) -> Iterator[None]:
        """Keep the lease alive from a thread while the block runs.

        Yields
        ------
        None
            Nothing.
        """
        done = threading.Event()

        def renew() -> None:
            while not done.wait(_RENEW_SECONDS):
                try:
                    with self.store.write() as connection:
                        now = now_microseconds()
                        versions.renew_lease(connection, self.lease, now=now, seconds=LEASE_SECONDS)
                except SupersededError:
                    self._is_superseded.set()
                    return

        thread = threading.Thread(target=renew, name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _is_unchanged(self, configuration: dict[str, Any]) -> bool:
        with self.store.read() as connection:
            active = versions.active_version(connection)
            found = versions.find_version(connection, active) if active is not None else None
            n_changes = n_rating_changes(connection)
        if found is None:
            return False
        known = found.description
        return known["n_changes"] == n_changes and all(known[name] == value for name, value in configuration.items())

    def _after_epoch(self, epoch: Epoch, n_ratings: int) -> None:
        if self._is_superseded.is_set():
            raise SupersededError("another trainer has taken over while this one was silent")
        self.epochs.append(asdict(epoch))
        if perf_counter() - self._recorded_at > _RECORD_SECONDS:
            self.record(epochs=self.epochs)
            self._recorded_at = perf_counter()
        self.on_progress(Progress(self.run_id, n_ratings, self.hyperparameters.n_epochs, epoch))

    def _publish(self, arrays: dict[str, NDArray[Any]], description: dict[str, Any], data: TrainingData) -> int:
        models_dir = self.settings.models_dir
        folder = artifacts.write_artifacts(models_dir, arrays, description)
        written = artifacts.read_artifacts(folder)  # what a reader could not read is not published
        from_arrays(0, written.arrays, written.description)
        with self.store.write() as connection:
            now = now_microseconds()
            version = versions.add_version(
                connection, self.lease, training_run_id=self.run_id, description=description, now=now
            )
            artifacts.place_artifacts(folder, models_dir, version)
            versions.activate_version(connection, version, now=now)
            versions.complete_erasures(connection, data.pending_erasures, version)
            retired_before = now - round(self.settings.cursor_seconds * 1e6)
            keep = self.settings.keep_versions
            old = versions.forget_versions(connection, keep=keep, retired_before=retired_before)
        artifacts.remove_artifacts(models_dir, old)
        return version


def _arrange(
    data: TrainingData, rows: list[catalogue.CatalogueRow], settings: Settings
) -> tuple[ItemTable, NDArray[np.int64], csr_array]:
    # numbers users and items, and puts the targets into a matrix
    rated = set(np.unique(data.item_keys).tolist())
    kept = [row for row in rows if row.item_key in rated]
    item_keys = np.array([row.item_key for row in kept], np.int64)
    table = ItemTable.of(
        item_keys=item_keys,
        item_ids=[row.item_id for row in kept],
        titles=[row.title for row in kept],
        categories=[row.categories for row in kept],
        hidden=[row.hidden for row in kept],
        popularity=np.zeros(len(kept)),
    )
    item_indices = table.indices_of(data.item_keys)
    user_keys, user_indices = np.unique(data.user_keys, return_inverse=True)
    # a_ui = (r_ui − r_min) / (r_max − r_min)
    targets = (data.values - settings.rating_min) / (settings.rating_max - settings.rating_min)
    triples = (targets.astype(np.float32), (user_indices.astype(np.int32), item_indices.astype(np.int32)))
    user_items = csr_array(triples, shape=(len(user_keys), len(kept)))
    user_items.sort_indices()
    table.popularity[:] = np.bincount(item_indices, minlength=len(kept))
    return table, user_keys, user_items


def _refusal(factors: Factors, epochs: list[dict[str, Any]]) -> str | None:
    # why a model must not be served; None when it may
    arrays = (factors.user_factors, factors.item_factors, factors.mean_user)
    if not all(np.isfinite(array).all() for array in arrays):
        return "the factors are not finite"
    if epochs and not np.isfinite(epochs[-1]["loss"]):
        return "the loss is not finite"
    return None


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "the training ran out of memory"
    return str(error) or type(error).__name__
