"""Routes about likeness: items like items, users like a user, and what a user would rate items."""

from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from app.api.answer_schemas import Predictions, SimilarItems, SimilarUsers
from app.api.bodies import json_body, read_as
from app.api.parameters import Count, Name, Names
from app.api.paths import PathId
from app.api.schemas import AS_WHOLE, OutsideId
from app.api.state import State, json_response, scoped_router
from app.services.policy import MAX_ID_BYTES
from app.services.questions.answers import Answer
from app.services.questions.predicting import predict
from app.services.questions.similar_items import Metric

MAX_SEEDS = 1000
_METRIC = "The cosine of the item vectors, their product (`dot`), or the cosine blended with that of the categories."

router = scoped_router("likeness")


class SeedsIn(BaseModel):
    """Items that others should be like."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    item_ids: list[OutsideId] = Field(min_length=1, max_length=MAX_SEEDS, description="Unknown ones are passed over.")
    n: Annotated[int, Field(ge=1, le=1000), AS_WHOLE] = Field(10, description="How many.")
    category: list[Name] = Field([], max_length=1000, description="Only items in one of them, when any are named.")
    metric: Metric = Field("blend", description=_METRIC)


_seeds = TypeAdapter(SeedsIn)
_body = json_body("SeedsIn")


@router.get("/items/{item_id}/similar", response_model=SimilarItems)
async def similar(
    item_id: PathId,
    state: State,
    n: Count = 10,
    category: Names = [],  # noqa: B006 - FastAPI copies it
    metric: Annotated[Metric, Query(description=_METRIC)] = "blend",
) -> Response:
    """List the items that are most like this one, by taste and categories (`blend`), or by taste alone."""
    answer = await state.recommender.similar([item_id], n=n, categories=category, metric=metric)
    return json_response({"item_id": item_id} | _listed(answer))


@router.post("/items/similar", response_model=SimilarItems, openapi_extra=_body)
async def similar_to_several(request: Request, state: State) -> Response:
    """List the items that are like several items together."""
    seeds = await read_as(request, _seeds)
    answer = await state.recommender.similar(seeds.item_ids, n=seeds.n, categories=seeds.category, metric=seeds.metric)
    return json_response({"item_ids": seeds.item_ids} | _listed(answer))


@router.get("/users/{user_id}/similar", response_model=SimilarUsers)
async def similar_users(user_id: PathId, state: State, n: Count = 10) -> Response:
    """List the trained users whose vectors point where this user's ratings of now point."""
    found, version = await state.user_similarity.similar_users(user_id, n)
    return json_response({"user_id": user_id, "model_version": version, "users": found})


@router.get("/users/{user_id}/predictions", response_model=Predictions)
async def predictions(
    user_id: PathId,
    state: State,
    item: Annotated[
        list[Annotated[str, Query(max_length=MAX_ID_BYTES)]],
        Query(min_length=1, max_length=1000, description="The items; may be repeated."),
    ],
) -> Response:
    """Say what a user would rate some items: the score, the value on the rating scale, and how sure that is."""
    found, version, degraded = await predict(state.recommender, user_id, item)
    state.metrics.degraded.inc(degraded)
    return json_response({"user_id": user_id, "model_version": version, "degraded": degraded, "items": found})


def _listed(answer: Answer) -> dict[str, object]:
    return {"model_version": answer.model_version, "items": answer.items}
