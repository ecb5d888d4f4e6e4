"""Routes about models: training runs and versions."""

from dataclasses import asdict
from typing import Annotated

from fastapi import Path, Response
from fastapi.concurrency import run_in_threadpool

from app.api.parameters import Count
from app.api.schemas import ActivatedVersion, ModelVersionOut, TrainingRunOut
from app.api.state import State, json_response, scoped_router
from app.services.clock import to_rfc3339
from app.storage.training_runs import TrainingRun
from app.storage.versions import ModelVersion

router = scoped_router("models")


@router.post("/training-runs", status_code=202, response_model=TrainingRunOut)
async def request_training(state: State) -> Response:
    """Ask the worker to train now; Location says where to follow it."""
    run_id = await run_in_threadpool(state.overview.request_training)
    run = await run_in_threadpool(state.overview.training_run, run_id)
    return json_response(describe_run(run), 202, {"Location": f"/training-runs/{run_id}"})


@router.get("/training-runs", response_model=list[TrainingRunOut])
async def list_training_runs(state: State, n: Count = 20) -> Response:
    """List the latest training runs, the newest first."""
    runs = await run_in_threadpool(state.overview.training_runs, n)
    return json_response([describe_run(run) for run in runs])


@router.get("/training-runs/{run_id}", response_model=TrainingRunOut)
async def get_training_run(
    run_id: Annotated[int, Path(ge=1, lt=2**63, description="Its number.")], state: State
) -> Response:
    """Follow one training run."""
    return json_response(describe_run(await run_in_threadpool(state.overview.training_run, run_id)))


@router.get("/models", response_model=list[ModelVersionOut])
async def list_models(state: State) -> Response:
    """List the versions that are kept, the newest first."""
    found, active = await run_in_threadpool(state.overview.model_versions)
    return json_response([describe_version(version, active) for version in found])


@router.get("/models/active", response_model=ModelVersionOut)
async def active_model(state: State) -> Response:
    """Describe the version that is served."""
    version = await run_in_threadpool(state.overview.active_version)
    return json_response(describe_version(version, version.version))


@router.post("/models/{version}/activate", response_model=ActivatedVersion)
async def activate_model(
    version: Annotated[int, Path(ge=1, lt=2**63, description="Its number.")], state: State
) -> Response:
    """Serve a version that is kept.

    With an older one, the worker publishes nothing by itself until the newest is activated again, or until a training
    that was asked for succeeds.
    """
    found, is_paused = await run_in_threadpool(state.overview.activate, version)
    return json_response(describe_version(found, version) | {"is_publishing_paused": is_paused})


def describe_run(run: TrainingRun) -> dict[str, object]:
    """Write a training run as JSON.

    Parameters
    ----------
    run : TrainingRun
        From the store.

    Returns
    -------
    dict
        With times in RFC 3339.
    """
    described = asdict(run)
    del described["n_changes"]
    times = ("requested_at", "started_at", "finished_at")
    return described | {name: None if described[name] is None else to_rfc3339(described[name]) for name in times}


def describe_version(version: ModelVersion, active: int | None) -> dict[str, object]:
    """Write a model version as JSON.

    Parameters
    ----------
    version : ModelVersion
        From the store.
    active : int or None
        Which version is served.

    Returns
    -------
    dict
        With its time in RFC 3339.
    """
    return {
        "version": version.version,
        "is_active": version.version == active,
        "created_at": to_rfc3339(version.created_at),
        "training_run_id": version.training_run_id,
        "description": version.description,
    }
