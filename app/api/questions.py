"""The route for questions that have a body."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import Request, Response
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticKnownError

from app.api.answer_schemas import GroupRecommendations
from app.api.bodies import json_body, read_as
from app.api.parameters import Name
from app.api.recommendations import EXPLAINED, recommendations
from app.api.schemas import AS_WHOLE, OutsideId
from app.api.state import State, json_response, scoped_router
from app.config import Settings
from app.errors import InvalidInputError
from app.services.policy import MAX_ID_BYTES, check_value, is_plain
from app.services.questions.answers import RecommendationQuery
from app.services.questions.asking import Question

MAX_LISTED = 10_000
MAX_MEMBERS = 100
_BETWEEN = "\0"  # which is in no plain string
MAX_CURSOR = 3_000_000  # of a hundred people with ten thousand ratings each, and the reasons

router = scoped_router("recommendations")


def _plain_at_once(ids: Any, check: ValidatorFunctionWrapHandler) -> list[str]:
    # nearly every list holds short plain strings, which is seen without looking at each
    if type(ids) is list and len(ids) > MAX_LISTED:  # before any of them is looked at
        raise PydanticKnownError(
            "too_long", {"field_type": "List", "max_length": MAX_LISTED, "actual_length": len(ids)}
        )
    if type(ids) is list and _are_plain(ids):
        return ids
    checked: list[str] = check(ids)
    return checked


def _are_plain(ids: list[Any]) -> bool:
    try:
        text = _BETWEEN.join(ids)
    except TypeError:  # not all are strings
        return False
    if not is_plain(text.replace(_BETWEEN, "")) or text.count(_BETWEEN) != len(ids) - 1:
        return False
    ends = np.flatnonzero(np.frombuffer(f"{_BETWEEN}{text}{_BETWEEN}".encode(), np.uint8) == ord(_BETWEEN))
    lengths = np.diff(ends) - 1
    return bool(lengths.min() > 0 and lengths.max() <= MAX_ID_BYTES)


Ids = Annotated[list[OutsideId], Field(max_length=MAX_LISTED), WrapValidator(_plain_at_once)]


class WhatIfRating(BaseModel):
    """A rating that is not stored; a null value takes the user's own rating of the item away."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    item_id: OutsideId = Field(description="The item.")
    value: float | None = Field(
        allow_inf_nan=False, description="On the rating scale; null takes the user's own rating away."
    )


class QuestionIn(BaseModel):
    """A question about a user, a visitor without an id, or a group."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    user_id: OutsideId | None = Field(None, description="Whose stored ratings count.")
    ratings: list[WhatIfRating] = Field(
        [], max_length=MAX_LISTED, description="Ratings that are not stored; they count before the stored ones."
    )
    user_ids: list[OutsideId] = Field(
        [], max_length=MAX_MEMBERS, description="The members of a group, in place of one user."
    )
    aggregate: Literal["mean", "least_misery"] = Field("mean", description="How a group's scores become one.")
    candidates: Ids | None = Field(None, description="The items to rank: all of them are answered, unknown ones last.")
    compare: bool = Field(False, description="Whether the list without `ratings` is answered too.")
    n: Annotated[int, Field(ge=1, le=1000), AS_WHOLE] | None = Field(None, description="How many items; 10 by default.")
    exclude_rated: bool = Field(True, description="Whether rated items stay out.")
    category: list[Name] = Field([], max_length=1000, description="An item must be in one of them, when any are named.")
    exclude: Ids = Field([], description="Items that must not come.")
    explain: bool = Field(False, description="Whether to give reasons that add up to each score.")
    explain_limit: Annotated[int, Field(ge=0, le=MAX_LISTED), AS_WHOLE] | None = Field(
        None, description="How many contributions are named for each item; 3 by default."
    )
    diversity: float = Field(
        0.0, ge=0, le=1, description="From 0, by score alone, to 1, each item as unlike those before it as can be."
    )
    explore: float = Field(
        0.0, ge=0, le=1, description="From 0 to 1, how far to stray where little is known of the user."
    )
    seed: Annotated[int, Field(ge=0, lt=2**63), AS_WHOLE] | None = Field(None, description="Repeats an exploration.")
    cursor: str | None = Field(None, max_length=MAX_CURSOR, description="`next_cursor` of the page before.")

    @model_validator(mode="after")
    def _one_subject(self) -> "QuestionIn":
        if self.user_ids and (self.user_id is not None or self.ratings):
            raise ValueError("name either user_ids, or one user_id and ratings")
        if self.compare and not self.ratings:
            raise ValueError("compare needs ratings to compare with")
        return self


_question = TypeAdapter(QuestionIn)
_body = json_body("QuestionIn")


@router.post("/recommendations", response_model=GroupRecommendations, openapi_extra=_body)
async def ask(request: Request, state: State) -> Response:
    """Say what someone should see next: a user, a visitor, a user with other ratings, a group; or rank a given list.

    With a cursor, everything but `n` is as it was asked for with the first page.
    """
    entry = await read_as(request, _question)
    if entry.cursor:
        asked, answer = await state.recommender.go_on(entry.cursor, n=entry.n, user_id=entry.user_id)
        state.metrics.degraded.inc(answer.degraded)
        return json_response(recommendations(_subject(asked.user_id, asked.user_ids), answer))
    answer, unchanged = await state.asker.ask(_to_question(entry, state.settings))
    state.metrics.degraded.inc(answer.degraded)
    body = recommendations(_subject(entry.user_id, entry.user_ids), answer)
    if unchanged is not None:
        body["unchanged"] = {"strategy": unchanged.strategy, "items": unchanged.items}
    return json_response(body)


def checked_ratings(ratings: Sequence[WhatIfRating], settings: Settings) -> dict[str, float | None]:
    """Hold ratings that are not stored to the scale.

    Parameters
    ----------
    ratings : sequence of WhatIfRating
        Of an item that is named twice, the later counts.
    settings : Settings
        The scale.

    Raises
    ------
    InvalidInputError
        If one lies outside.
    """
    rejected = []
    for place, rating in enumerate(ratings):
        try:
            check_value(settings.rating_min if rating.value is None else rating.value, *settings.rating_scale)
        except ValueError as error:
            rejected.append((f"/ratings/{place}/value", str(error)))
    if rejected:
        raise InvalidInputError("see errors for each rejected value", rejected)
    return {rating.item_id: rating.value for rating in ratings}


def _to_question(entry: QuestionIn, settings: Settings) -> Question:
    ratings = checked_ratings(entry.ratings, settings)
    limit = EXPLAINED if entry.explain_limit is None else entry.explain_limit
    query = RecommendationQuery(
        entry.n or 10,
        entry.exclude_rated,
        entry.category,
        entry.exclude,
        limit if entry.explain or entry.explain_limit is not None else None,
        entry.diversity,
        entry.explore,
        entry.seed,
    )
    users = list(dict.fromkeys(entry.user_ids))
    return Question(query, entry.user_id, ratings, users, entry.aggregate, entry.candidates, entry.compare)


def _subject(user_id: str | None, user_ids: object) -> dict[str, object]:
    return {"user_id": user_id} | ({"user_ids": user_ids} if user_ids else {})
