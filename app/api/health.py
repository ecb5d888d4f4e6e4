"""Routes for whoever watches the service: is the process alive, and can it answer."""

from fastapi import Response

from app.api.schemas import Readiness
from app.api.state import State, json_response, scoped_router
from app.services.clock import now_microseconds

router = scoped_router("health")


@router.get("/health/live")
async def live() -> dict[str, str]:
    """Say that the process runs; it touches nothing."""
    return {"status": "alive"}


@router.get("/health/ready", response_model=Readiness)
async def ready(state: State) -> Response:
    """Say whether reads can be answered: 200 from the store or a model, 503 while starting or draining."""
    snapshot = state.live.current
    trained_at = None if snapshot is None else snapshot.model.description["created_at"]
    status = "draining" if state.is_draining else "ready" if state.is_ready else "starting"
    body = {
        "status": status,
        "store": "ok" if state.is_store_reachable else "unreachable",
        "model_version": None if snapshot is None else snapshot.model.version,
        "refused_version": state.live.refused_version,
        "model_age_seconds": None if trained_at is None else (now_microseconds() - trained_at) / 1e6,
    }
    return json_response(body, 200 if status == "ready" else 503)
