"""When to train: on request, after enough changed ratings, after an interval; and less often after failures."""

import threading
from dataclasses import dataclass
from time import monotonic

import structlog

from app.config import Settings
from app.errors import StoreUnavailableError
from app.services.clock import now_microseconds
from app.storage import training_runs, versions
from app.storage.engine import Store
from app.storage.kept_ratings import remove_outdated
from app.storage.rating_changes import n_rating_changes
from app.worker.trainer_process import TrainerProcess

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
        Ends the loop and a training under way.
    trainer : TrainerProcess
        What trains.
    """

    store: Store
    settings: Settings
    stop: threading.Event
    trainer: TrainerProcess
    _n_failures: int = 0
    _not_before: float = float("-inf")
    _n_changes_refused: int | None = None
    _is_store_reachable: bool = True

    def run(self) -> None:
        """Train whenever it is due, until stopped."""
        while not self.stop.wait(POLL_SECONDS):
            self.trainer.heartbeat.beat()
            try:
                remove_outdated(self.store, self.settings.kept_ratings_dir)
                reason = self._why_now()
                if reason is not None:
                    self._train(reason)
                self._is_store_reachable = True
            except StoreUnavailableError as error:  # no training has failed: the next look may find it again
                if self._is_store_reachable:
                    log.warning("store_unreachable", reason=str(error))
                self._is_store_reachable = False
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
        if self._n_changes_refused is not None:
            if n_changes == self._n_changes_refused:
                return None  # the same ratings would be refused again
            if n_changes - self._n_changes_refused >= self.settings.train_after_ratings:
                self._n_failures, self._not_before, self._n_changes_refused = 0, float("-inf"), None
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
        started = monotonic()
        run = self.trainer.train(self.stop)
        if run is None:  # another trainer is at it
            return
        log.info("training_ended", why=reason, run=run.id, status=run.status, model_version=run.model_version)
        if run.status in {"failed", "refused"}:
            self._pause(run.reason or run.status, took_seconds=monotonic() - started)
            # other ratings may well make a better model; what failed for want of memory or time fails again
            self._n_changes_refused = run.n_changes if run.status == "refused" else None
        else:
            self._n_failures, self._not_before, self._n_changes_refused = 0, float("-inf"), None

    def _pause(self, reason: str, *, took_seconds: float = 0.0) -> None:
        seconds = max(min(2.0**self._n_failures, LONGEST_PAUSE_SECONDS), took_seconds)
        self._n_failures += 1
        self._not_before = monotonic() + seconds
        if not self.stop.is_set():
            log.warning("training_paused", reason=reason, seconds=round(seconds, 1))
