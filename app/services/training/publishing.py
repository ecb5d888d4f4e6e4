"""The last step of a training: its files in place, and its version served, in one transaction with the run's record."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from app.config import Settings
from app.services.clock import now_microseconds
from app.serving.model import from_arrays
from app.storage import artifacts, supplements, training_runs, versions
from app.storage.engine import Store
from app.storage.leases import Lease
from app.storage.shipping import ship_artifacts


def publish(
    store: Store,
    settings: Settings,
    lease: Lease,
    run_id: int,
    *,
    arrays: Mapping[str, NDArray[Any]],
    description: dict[str, Any],
    erasure_ids: list[int],
    despite_pause: bool,
) -> int | None:
    """Write a version, verify what was written, and serve it.

    Parameters
    ----------
    store : Store
        Where the version is recorded.
    settings : Settings
        Where versions lie and how many are kept.
    lease : Lease
        The right to publish.
    run_id : int
        The training; it is recorded as succeeded if and only if the version is published.
    arrays : mapping of str to ndarray
        From ``to_arrays``.
    description : dict
        For the manifest.
    erasure_ids : list of int
        ``TrainingData.pending_erasures``.
    despite_pause : bool
        Whether somebody asked for this training while publishing waited for being asked.

    Returns
    -------
    int or None
        The version; None when publishing waits for being asked.

    Raises
    ------
    ArtifactError
        If what was written could not be served.
    SupersededError
        If another trainer has taken over.
    """
    models_dir = settings.models_dir
    folder = artifacts.write_artifacts(models_dir, arrays, description)
    written = artifacts.read_artifacts(folder)  # what a reader could not read is not published
    from_arrays(0, written.arrays, written.description)
    with store.write() as connection:
        now = now_microseconds()
        if versions.is_paused(connection) and not despite_pause:
            artifacts.remove_artifacts(models_dir, [folder.name])
            return None
        versions.set_paused(connection, is_paused=False)
        version = versions.add_version(connection, lease, training_run_id=run_id, description=description, now=now)
        ship_artifacts(connection, artifacts.place_artifacts(folder, models_dir, version), version)
        versions.activate_version(connection, version, now=now)
        versions.complete_erasures(connection, erasure_ids, version)
        ended = {"status": "succeeded", "model_version": version, "finished_at": now}
        training_runs.record_run(connection, run_id, **ended)
        retired_before = now - round(settings.cursor_seconds * 1e6)
        old = versions.forget_versions(connection, keep=settings.keep_versions, retired_before=retired_before)
        orphans = supplements.forget_supplements(connection, created_before=retired_before)
    artifacts.remove_artifacts(models_dir, [*old, *orphans])
    return version
