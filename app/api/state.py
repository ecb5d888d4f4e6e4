"""What the routes of one API process share; ``app.main`` builds it and puts it on the application."""

from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import Depends, Request, Response
from fastapi.routing import APIRouter

from app.api.metrics import Metrics
from app.api.problems import ProblemDocument
from app.api.security import ScopedRoute
from app.config import Settings
from app.services.cataloguing import Catalogue
from app.services.ingesting import Ingester
from app.services.overview import Overview
from app.services.questions.asking import Asker
from app.services.questions.onboarding import Onboarding
from app.services.questions.recommending import Recommender
from app.services.questions.similar_users import UserSimilarity
from app.services.questions.trending import Trending
from app.serving.live import LiveModel
from app.serving.snapshot import Snapshot


@dataclass(slots=True)
class ApiState:
    """The services of a process and what it knows about itself; ``noticed`` is the snapshot that was last logged."""

    settings: Settings
    live: LiveModel
    recommender: Recommender
    asker: Asker
    user_similarity: UserSimilarity
    trending: Trending
    catalogue: Catalogue
    onboarding: Onboarding
    ingester: Ingester
    overview: Overview
    metrics: Metrics
    is_ready: bool = False
    is_draining: bool = False
    is_store_reachable: bool = True
    noticed: Snapshot | None = None


async def _state(request: Request) -> ApiState:
    state: ApiState = request.app.state.foldin
    return state


State = Annotated[ApiState, Depends(_state)]
"""The parameter of a route that wants the services."""


def scoped_router(*tags: str) -> APIRouter:
    """Make a router whose routes check access and document their problems.

    Parameters
    ----------
    *tags : str
        The heading in the API's documentation.

    Returns
    -------
    APIRouter
        Empty.
    """
    problems: dict[int | str, dict[str, Any]] = {
        "4XX": {"model": ProblemDocument, "content": {"application/problem+json": {}}, "description": "Refused"},
        "5XX": {"model": ProblemDocument, "content": {"application/problem+json": {}}, "description": "Failed"},
    }
    return APIRouter(route_class=ScopedRoute, tags=list(tags), responses=problems)


def json_response(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Write JSON without going through a model, which costs more than the answer itself.

    Parameters
    ----------
    body : object
        Of dictionaries, lists, dataclasses, strings and numbers.
    status : int
        The HTTP status.
    headers : dict, optional
        Further headers.

    Returns
    -------
    Response
        ``application/json``.
    """
    return Response(orjson.dumps(body), status, headers, media_type="application/json")
