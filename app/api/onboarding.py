"""Routes for getting to know a newcomer."""

from typing import Annotated

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from app.api.answer_schemas import Questions
from app.api.bodies import json_body, read_as
from app.api.parameters import Count, Name, Names
from app.api.questions import WhatIfRating, checked_ratings
from app.api.schemas import AS_WHOLE
from app.api.state import State, json_response, scoped_router
from app.services.questions.answers import Answer

MAX_ANSWERS = 1000

router = scoped_router("onboarding")


class AnswersIn(BaseModel):
    """The answers so far; a null value says that the person does not know the item."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    ratings: list[WhatIfRating] = Field(
        [], max_length=MAX_ANSWERS, description="The answers so far; null for an item that the person does not know."
    )
    n: Annotated[int, Field(ge=1, le=1000), AS_WHOLE] = Field(10, description="How many.")
    category: list[Name] = Field([], max_length=1000, description="Only items in one of them, when any are named.")


_answers = TypeAdapter(AnswersIn)
_body = json_body("AnswersIn")


@router.get("/onboarding", response_model=Questions)
async def first_questions(state: State, n: Count = 10, category: Names = []) -> Response:  # noqa: B006 - FastAPI copies it
    """Say which items to ask a newcomer about: those whose ratings would tell most, if people know them."""
    return json_response(_listed(await state.onboarding.questions({}, n=n, categories=category)))


@router.post("/onboarding", response_model=Questions, openapi_extra=_body)
async def next_questions(request: Request, state: State) -> Response:
    """Say what to ask next, given the answers so far, which are not stored."""
    entry = await read_as(request, _answers)
    answers = checked_ratings(entry.ratings, state.settings)
    return json_response(_listed(await state.onboarding.questions(answers, n=entry.n, categories=entry.category)))


def _listed(answer: Answer) -> dict[str, object]:
    return {"model_version": answer.model_version, "items": answer.items}
