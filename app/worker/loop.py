"""When to train: on request, after enough changed ratings, after an interval; and less often after failures."""

import threading
from dataclasses import dataclass
from time import monotonic

import structlog

from app.config import Settings
from app.errors import StoreUnavailableError, TrainingFailedError
from app.services.clock import now_microseconds
from app.services.training import Progress, train_once
from app.storage import training_runs, versions
from app.storage.engine import Store
from app.storage.ratings import n_rating_changes

POLL_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 600.0

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(slots=True)
class Worker:
    """Trains again and again until it is stopped.

    Attributes
    ----------
    store : Store
        Where ratings, requests and runs are.
    settings : Settings
        When and how to train.
    stop : threading.Event
        Ends the loop; a training under way is given up after its epoch.
    """

    store: Store
    settings: Settings
    stop: threading.Event
    _n_failures: int = 0
    _not_before: float = float("-inf")

    def run(self) -> None:
        """Train whenever it is due, until stopped."""
        while not self.stop.wait(POLL_SECONDS):
            try:
                reason = self._why_now()
                if reason is not None:
                    self._train(reason)
            except StoreUnavailableError as error:
                self._pause(str(error))
            except Exception:
                log.exception("training_crashed")
                self._pause("the training crashed")

    def _why_now(self) -> str | None:
        with self.store.read() as connection:
            if training_runs.list_runs(connection, limit=1, status="queued"):
                return "requested"
            if versions.is_paused(connection):
                return None
            n_changes = n_rating_changes(connection)
            active = versions.active_version(connection)
            version = None if active is None else versions.find_version(connection, active)
        if monotonic() < self._not_before or n_changes == 0:
            return None
        if version is None:
            return "first"
        n_changed = n_changes - int(version.description["n_changes"])
        age = (now_microseconds() - version.created_at) / 1e6
        # a young service learns more from its next ratings than a grown one, so it also trains when they have doubled
        if n_changed >= min(self.settings.train_after_ratings, int(version.description["n_ratings"])):
            return "ratings"
        return "interval" if n_changed > 0 and age >= self.settings.train_interval else None

    def _train(self, reason: str) -> None:
        run = train_once(self.store, self.settings, skip_unchanged=True, on_progress=self._check_stop)
        if run is None:  # another trainer is at it
            return
        log.info("training_ended", why=reason, run=run.id, status=run.status, model_version=run.model_version)
        if run.status in {"failed", "refused"}:
            self._pause(run.reason or run.status)
        else:
            self._n_failures = 0

    def _check_stop(self, _progress: Progress) -> None:
        if self.stop.is_set():
            raise TrainingFailedError("the worker was stopped")

    def _pause(self, reason: str) -> None:
        seconds = min(2.0**self._n_failures, LONGEST_PAUSE_SECONDS)
        self._n_failures += 1
        self._not_before = monotonic() + seconds
        if not self.stop.is_set():
            log.warning("training_paused", reason=reason, seconds=seconds)
