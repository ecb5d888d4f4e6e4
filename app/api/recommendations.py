"""Routes that answer with items: for a user, like an item, popular."""

from fastapi import Request, Response
from pydantic import BaseModel, Field

from app.api.answer_schemas import Recommendations
from app.api.parameters import Name, documented, read_parameters, read_path_id
from app.api.security import PlainRoute
from app.api.state import ApiState, json_response, scoped_router
from app.services.questions.answers import Answer, RecommendationQuery

router = scoped_router("recommendations")

EXPLAINED = 3
MAX_CURSOR = 60_000


class RecommendationParameters(BaseModel):
    """What is asked for."""

    n: int | None = Field(None, ge=1, le=1000, description="How many items; 10 by default.")
    exclude_rated: bool = Field(True, description="Whether rated items stay out.")
    category: list[Name] = Field([], max_length=1000, description="An item must be in one of them, when any are named.")
    exclude: list[Name] = Field([], max_length=1000, description="Items that must not come.")
    explain: bool = Field(False, description="Whether to give reasons that add up to each score.")
    diversity: float = Field(
        0.0,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="From 0, by score alone, to 1, each item as unlike those before it as can be.",
    )
    explore: float = Field(
        0.0,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="From 0 to 1, how far to stray where little is known of the user.",
    )
    seed: int | None = Field(None, ge=0, lt=2**63, description="Repeats an exploration.")
    cursor: str = Field("", max_length=MAX_CURSOR, description="`next_cursor` of the page before.")


async def recommend(request: Request) -> Response:
    """Say what a user should see next, computed from the user's ratings as they are now.

    With a cursor, everything but `n` is as it was asked for with the first page.
    """
    state: ApiState = request.app.state.foldin
    user_id = read_path_id(request, "user_id")
    wanted = read_parameters(request, RecommendationParameters)
    if wanted.cursor:
        pointer = "/query/cursor"
        _, answer = await state.recommender.go_on(wanted.cursor, n=wanted.n, user_id=user_id, pointer=pointer)
    else:
        query = RecommendationQuery(
            wanted.n or 10,
            wanted.exclude_rated,
            wanted.category,
            wanted.exclude,
            EXPLAINED if wanted.explain else None,
            wanted.diversity,
            wanted.explore,
            wanted.seed,
        )
        answer = await state.recommender.recommend(user_id, query)
    if answer.degraded:
        state.metrics.degraded.inc()
    return json_response(recommendations({"user_id": user_id}, answer))


router.add_api_route(
    "/users/{user_id}/recommendations",
    recommend,
    methods=["GET"],
    response_model=Recommendations,
    route_class_override=PlainRoute,
    openapi_extra=documented(RecommendationParameters, "user_id"),
)


def recommendations(asked: dict[str, object], answer: Answer) -> dict[str, object]:
    """Write an answer as JSON.

    Parameters
    ----------
    asked : dict
        Who it is for.
    answer : Answer
        The items.

    Returns
    -------
    dict
        With a seed where it was explored.
    """
    body = asked | {
        "strategy": answer.strategy,
        "model_version": answer.model_version,
        "degraded": answer.degraded,
        "items": answer.items,
        "next_cursor": answer.next_cursor,
    }
    return body if answer.seed is None else body | {"seed": answer.seed}
