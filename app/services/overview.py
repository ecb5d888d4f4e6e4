"""What can be known about the service itself: its training runs, versions and erasures."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from app.errors import NotFoundError
from app.services.clock import now_microseconds
from app.storage import training_runs, versions
from app.storage.engine import Store
from app.storage.shipping import obtain_artifacts
from app.storage.training_runs import TrainingRun
from app.storage.versions import ModelVersion


@dataclass(frozen=True, slots=True)
class Overview:
    """Reads and requests what is recorded in the store.

    Attributes
    ----------
    store : Store
        The store.
    models_dir : Path
        Where the versions' files lie.
    """

    store: Store
    models_dir: Path

    def request_training(self) -> int:
        """Ask the worker to train as soon as it can.

        Returns
        -------
        int
            The id of the waiting run.
        """
        with self.store.write() as connection:
            return training_runs.request_run(connection, now=now_microseconds())

    def training_run(self, run_id: int) -> TrainingRun:
        """Read one training run.

        Parameters
        ----------
        run_id : int
            Which.

        Returns
        -------
        TrainingRun
            As far as it has come.

        Raises
        ------
        NotFoundError
            If there is none.
        """
        with self.store.read() as connection:
            run = training_runs.find_run(connection, run_id)
        if run is None:
            raise NotFoundError("there is no training run with this id")
        return run

    def training_runs(self, limit: int) -> list[TrainingRun]:
        """Read the latest training runs.

        Parameters
        ----------
        limit : int
            How many at most.

        Returns
        -------
        list of TrainingRun
            The newest first.
        """
        with self.store.read() as connection:
            return training_runs.list_runs(connection, limit=limit)

    def model_versions(self) -> tuple[list[ModelVersion], int | None]:
        """Read the versions that are kept.

        Returns
        -------
        list of ModelVersion
            The newest first.
        int or None
            The active one.
        """
        with self.store.read() as connection:
            return versions.list_versions(connection), versions.active_version(connection)

    def active_version(self) -> ModelVersion:
        """Read the version that is served.

        Returns
        -------
        ModelVersion
            The active one.

        Raises
        ------
        NotFoundError
            Before the first.
        """
        with self.store.read() as connection:
            active = versions.active_version(connection)
            found = None if active is None else versions.find_version(connection, active)
        if found is None:
            raise NotFoundError("no model has been trained yet; POST /training-runs asks for one")
        return found

    def activate(self, version: int) -> tuple[ModelVersion, bool]:
        """Serve a version that is kept, such as an older one than the latest training made.

        Parameters
        ----------
        version : int
            Which. With any but the newest, the worker trains and publishes nothing by itself any more: not before the
            newest is activated again, or a training that somebody asked for succeeds.

        Returns
        -------
        ModelVersion
            What is served from now on.
        bool
            Whether the worker is paused.

        Raises
        ------
        NotFoundError
            If it is not kept.
        ArtifactError
            If its files are damaged.
        """
        with self.store.read() as connection:
            self._find(connection, version)
        obtain_artifacts(self.store, self.models_dir, version)
        with self.store.write() as connection:
            self._find(connection, version)
            is_newest = versions.list_versions(connection)[0].version == version
            versions.activate_version(connection, version, now=now_microseconds())
            versions.set_paused(connection, is_paused=not is_newest)
            return self._find(connection, version), not is_newest

    def _find(self, connection: Connection, version: int) -> ModelVersion:
        found = versions.find_version(connection, version)
        if found is None:
            raise NotFoundError("this version is not kept; GET /models lists those that are")
        return found
