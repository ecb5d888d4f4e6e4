"""The API's own description: as OpenAPI, and as a page to read."""

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from pydantic.json_schema import models_json_schema

from app.api.catalogue import ItemIn
from app.api.onboarding import AnswersIn
from app.api.questions import QuestionIn
from app.api.schemas import RatingIn
from app.api.similar import SeedsIn
from app.api.state import json_response, scoped_router

router = scoped_router("documentation")


def described(app: FastAPI) -> dict[str, Any]:
    """Describe every call, and the bodies that the routes read by themselves.

    Parameters
    ----------
    app : FastAPI
        With its routes.

    Returns
    -------
    dict
        An OpenAPI document.
    """
    document = app.openapi()
    minimum, maximum = app.state.foldin.settings.rating_scale
    bodies = [(body, "validation") for body in (RatingIn, QuestionIn, SeedsIn, AnswersIn, ItemIn)]
    _, schemas = models_json_schema(bodies, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    for rating in ("RatingIn", "WhatIfRating"):
        value = schemas["$defs"][rating]["properties"]["value"]
        next(iter(value.get("anyOf", [value]))).update(minimum=minimum, maximum=maximum)
    return document | {"components": {"schemas": document["components"]["schemas"] | schemas["$defs"]}}


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request) -> Response:
    """Describe every call."""
    return json_response(described(request.app))


@router.get("/docs", include_in_schema=False)
async def docs() -> Response:
    """Show the description as a page."""
    return get_swagger_ui_html(openapi_url="/openapi.json", title="Foldin")
