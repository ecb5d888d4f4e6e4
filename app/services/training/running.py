"""One training from the first row to the published version: load, try out, judge, refit on all ratings, publish.

While little changed since a configuration was judged, the fit goes on from the active version instead.
"""

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any, Literal

import structlog

from app.config import Settings
from app.errors import FoldinError, SupersededError, TrainingFailedError
from app.factorization.objective import Epoch, Factors
from app.services.clock import now_microseconds
from app.services.training.arranging import Arranged, arrange, leave_out_unusable
from app.services.training.configuring import configuration_of, configuration_of_version, refit_epochs
from app.services.training.continuing import Beginning, continuation_of, is_worth_continuing
from app.services.training.gate import refusal_of_factors, refusal_of_loss
from app.services.training.keeping import keep_for_next_training
from app.services.training.publishing import publish
from app.services.training.sizing import refuse_what_cannot_fit
from app.services.training.training_lease import begin_run, renewed
from app.services.training.verdicts import judge
from app.serving.model import to_arrays
from app.serving.trained_users import TrainedUsers
from app.storage import artifacts, catalogue, leases, training_runs, tuning, versions
from app.storage.engine import Store
from app.storage.keys import read_ids
from app.storage.leases import Lease
from app.storage.rating_changes import n_rating_changes
from app.storage.schema import users
from app.storage.secrets import read_secret
from app.storage.training_data import TrainingData, load_training_data
from app.storage.training_runs import TrainingRun

Step = Literal["evaluating", "training"]
"""A fit on part of the ratings that is judged by the rest, then the fit on all of them."""

_RECORD_SECONDS = 0.5

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Progress:
    """What a training tells whoever watches it."""

    run_id: int
    n_ratings: int
    n_epochs: int
    epoch: Epoch | None
    step: Step = "training"


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
    begun = begin_run(store)
    if begun is None:
        return None
    lease, run_id = begun
    try:
        with renewed(store, lease) as is_superseded:
            run = _Run(store, settings, lease, run_id, is_superseded, on_progress or (lambda _: None))
            if unpublished := run.execute(skip_unchanged=skip_unchanged):
                run.record(**unpublished, finished_at=now_microseconds())
    except Exception as error:
        with store.write() as connection:
            reason = _reason(error)
            training_runs.record_run(connection, run_id, status="failed", reason=reason, finished_at=now_microseconds())
        if not isinstance(error, (FoldinError, MemoryError)):
            log.exception("training_crashed", run=run_id)
    finally:
        with store.write() as connection:
            leases.release_lease(connection, lease)
    with store.read() as connection:
        return training_runs.find_run(connection, run_id)


class _Run:
    """One training under a lease; its steps in order are in ``execute``."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        lease: Lease,
        run_id: int,
        is_superseded: threading.Event,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self.store, self.settings, self.lease, self.run_id = store, settings, lease, run_id
        self.is_superseded, self.on_progress = is_superseded, on_progress
        with store.read() as connection:
            tuned = tuning.find_tuned(connection, settings.method)
            # the worker begins nothing by itself while it is paused, so this training was asked for
            self.was_asked_for_despite_pause = versions.is_paused(connection)
        self.configuration = configuration_of(settings, tuned.hyperparameters if tuned else None)
        self.n_ratings, self.n_epochs = 0, self.configuration.hyperparameters.n_epochs
        self.epochs: list[dict[str, Any]] = []
        self.user_ids: list[str] = []
        self.user_secret = b""
        self._recorded_at = 0.0

    def execute(self, *, skip_unchanged: bool) -> dict[str, Any]:
        """Go through the steps.

        Parameters
        ----------
        skip_unchanged : bool
            Whether to end at once when there is nothing new.

        Returns
        -------
        dict
            Why nothing was published, to be recorded; empty when a version was.

        Raises
        ------
        TrainingFailedError
            If no model can come of the ratings.
        """
        described = self.configuration.described()
        described["rating_scale"] = [self.settings.rating_min, self.settings.rating_max]
        self.record(hyperparameters=described["hyperparameters"])
        active = self._active()
        if skip_unchanged and active and self._is_unchanged(active.description, described):
            return {"status": "skipped", "reason": "neither ratings nor settings changed since the active version"}
        artifacts.remove_unfinished(self.settings.models_dir)
        refuse_what_cannot_fit(self.store, self.settings, self.configuration)
        data, arranged, description = self._load()
        begun = self._continued(active, described, data, arranged) or self._judged(active, data, arranged)
        self.record(metrics=begun.metrics)
        if begun.refusal:
            return {"status": "refused", "reason": begun.refusal}
        factors = self._fit_on_all(arranged, begun)
        losses = [epoch["loss"] for epoch in self.epochs]
        reason = refusal_of_factors(factors, arranged.user_items.shape)
        if reason := reason or refusal_of_loss(losses, len(data.values), begun.judged["loss_per_rating"]):
            return {"status": "refused", "reason": reason}
        served = asdict(factors.hyperparameters) | {"n_epochs": self.configuration.hyperparameters.n_epochs}
        description |= described | {"configuration": described, "hyperparameters": served}
        description |= {"metrics": begun.metrics, "calibration": begun.calibration, "judged": begun.judged}
        users = TrainedUsers.of(self.user_ids, arranged.user_items, self.user_secret)
        arrays = to_arrays(factors, arranged.items, arranged.user_keys, users)
        version = publish(
            self.store,
            self.settings,
            self.lease,
            self.run_id,
            arrays=arrays,
            description=description,
            erasure_ids=data.pending_erasures,
            despite_pause=self.was_asked_for_despite_pause,
        )
        if version is None:
            return {"status": "refused", "reason": "an older version was activated while this training ran"}
        return {}

    def record(self, **values: object) -> None:
        """Note something about the run in the store.

        Parameters
        ----------
        **values : object
            Columns of ``training_runs``.
        """
        with self.store.write() as connection:
            training_runs.record_run(connection, self.run_id, **values)

    def _active(self) -> versions.ModelVersion | None:
        with self.store.read() as connection:
            active = versions.active_version(connection)
            return None if active is None else versions.find_version(connection, active)

    def _is_unchanged(self, known: dict[str, Any], described: dict[str, Any]) -> bool:
        with self.store.read() as connection:
            return bool(known["n_changes"] == n_rating_changes(connection) and known.get("configuration") == described)

    def _load(self) -> tuple[TrainingData, Arranged, dict[str, Any]]:
        started = perf_counter()
        with self.store.read() as connection:
            loaded = load_training_data(connection, self.settings.kept_ratings_dir)
            rows = catalogue.items_by_key(connection)
            revision = catalogue.catalogue_revision(connection)
            ids = read_ids(connection, users)
            self.user_secret = read_secret(connection, "user-ids")
        keep_for_next_training(self.store, self.settings, loaded)
        data = leave_out_unusable(loaded, self.settings)
        if n_left_out := len(loaded.values) - len(data.values):
            log.warning("ratings_left_out", run=self.run_id, n_ratings=n_left_out, reason="beyond the rating scale")
        if len(data.values) == 0:
            raise TrainingFailedError("there are no ratings yet; send some to POST /ratings or use `foldin import`")
        arranged = arrange(data, rows, self.settings)
        self.user_ids = [ids[key] for key in arranged.user_keys.tolist()]
        n_users, n_items = arranged.user_items.shape
        size = {"n_ratings": len(data.values), "n_users": n_users, "n_items": n_items}
        self.record(**size, n_changes=data.n_changes, load_seconds=perf_counter() - started)
        self.n_ratings = len(data.values)
        state = {"n_changes": data.n_changes, "catalogue_revision": revision, "created_at": now_microseconds()}
        return data, arranged, size | state

    def _continued(
        self, active: versions.ModelVersion | None, described: dict[str, Any], data: TrainingData, arranged: Arranged
    ) -> Beginning | None:
        if active is None or self.was_asked_for_despite_pause:
            return None  # who went back to an older version and asks for another wants it judged
        if not is_worth_continuing(active, described, self.configuration, data):
            return None
        return continuation_of(self.store, self.settings, active, arranged)

    def _judged(self, active: versions.ModelVersion | None, data: TrainingData, arranged: Arranged) -> Beginning:
        self._report("evaluating", None)
        verdict = judge(
            self.configuration,
            configuration_of_version(active.description) if active else None,
            arranged,
            self.settings,
            on_epoch=lambda epoch: self._after_epoch("evaluating", epoch),
        )
        trial, n_epochs = verdict.trial, self.configuration.hyperparameters.n_epochs
        judged = {"run": self.run_id, "n_changes": data.n_changes, "loss_per_rating": trial and trial.loss_per_rating}
        return Beginning(
            start=trial.factors if trial else None,
            n_epochs=refit_epochs(n_epochs) if trial else n_epochs,
            judged=judged,
            metrics=verdict.metrics,
            calibration=verdict.calibration,
            refusal=verdict.refusal,
        )

    def _fit_on_all(self, arranged: Arranged, begun: Beginning) -> Factors:
        self.n_epochs = begun.n_epochs
        factors = self.configuration.fit(
            arranged,
            arranged.user_items,
            arranged.timestamps,
            start=begun.start,
            n_epochs=self.n_epochs,
            on_epoch=lambda epoch: self._after_epoch("training", epoch),
        )
        self.record(epochs=self.epochs)
        return factors

    def _after_epoch(self, step: Step, epoch: Epoch) -> None:
        if self.is_superseded.is_set():
            raise SupersededError("another trainer has taken over while this one was silent")
        if step == "training":
            self.epochs.append(asdict(epoch))
            if perf_counter() - self._recorded_at > _RECORD_SECONDS:
                self.record(epochs=self.epochs)
                self._recorded_at = perf_counter()
        self._report(step, epoch)

    def _report(self, step: Step, epoch: Epoch | None) -> None:
        self.on_progress(Progress(self.run_id, self.n_ratings, self.n_epochs, epoch, step))


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "the training ran out of memory"
    return str(error) or type(error).__name__
