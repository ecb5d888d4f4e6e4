"""Routes that answer with items: for a user, like an item, popular."""

from typing import Annotated

from fastapi import Query, Response

from app.api.paths import PathId
from app.api.schemas import Recommendations
from app.api.state import State, json_response, scoped_router
from app.services.answers import Answer, RecommendationQuery
from app.services.policy import MAX_ID_BYTES

router = scoped_router("recommendations")

EXPLAINED = 3
MAX_CURSOR = 60_000

Count = Annotated[int, Query(ge=1, le=1000, description="How many items.")]
Names = Annotated[list[Annotated[str, Query(max_length=MAX_ID_BYTES)]], Query(max_length=1000)]
Share = Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)]
Seed = Annotated[int | None, Query(ge=0, lt=2**63, description="Repeats an exploration.")]
CursorText = Annotated[str, Query(max_length=MAX_CURSOR, description="`next_cursor` of the page before.")]


@router.get("/users/{user_id}/recommendations", response_model=Recommendations)
async def recommend(
    user_id: PathId,
    state: State,
    n: Annotated[int | None, Query(ge=1, le=1000, description="How many items; 10 by default.")] = None,
    exclude_rated: bool = True,
    category: Names = [],  # noqa: B006 - FastAPI copies it
    exclude: Names = [],  # noqa: B006
    explain: bool = False,
    diversity: Share = 0.0,
    explore: Share = 0.0,
    seed: Seed = None,
    cursor: CursorText = "",
) -> Response:
    """Say what a user should see next, computed from the user's ratings as they are now.

    With a cursor, everything but `n` is as it was asked for with the first page.
    """
    if cursor:
        _, answer = await state.recommender.go_on(cursor, n=n, user_id=user_id)
    else:
        limit = EXPLAINED if explain else None
        query = RecommendationQuery(n or 10, exclude_rated, category, exclude, limit, diversity, explore, seed)
        answer = await state.recommender.recommend(user_id, query)
    return json_response(recommendations({"user_id": user_id}, answer))


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
