"""Routes that answer with items: for a user, like an item, popular."""

from dataclasses import asdict
from typing import Annotated

from fastapi import Query, Response

from app.api.paths import PathId
from app.api.schemas import PopularItems, Recommendations, SimilarItems
from app.api.state import State, json_response, scoped_router
from app.services.answers import Answer, RecommendationQuery
from app.services.policy import MAX_ID_BYTES

router = scoped_router("recommendations")

Count = Annotated[int, Query(ge=1, le=1000, description="How many items.")]
Names = Annotated[list[Annotated[str, Query(max_length=MAX_ID_BYTES)]], Query(max_length=1000)]


@router.get("/users/{user_id}/recommendations", response_model=Recommendations)
async def recommend(
    user_id: PathId,
    state: State,
    n: Count = 10,
    exclude_rated: bool = True,
    category: Names = [],  # noqa: B006 - FastAPI copies it
    exclude: Names = [],  # noqa: B006
) -> Response:
    """Say what a user should see next, computed from the user's ratings as they are now."""
    query = RecommendationQuery(n, exclude_rated, category, exclude)
    answer = await state.recommender.recommend(user_id, query)
    body: dict[str, object] = {
        "user_id": user_id,
        "strategy": answer.strategy,
        "degraded": answer.degraded,
        "next_cursor": None,
    }
    return json_response(body | _listed(answer))


@router.get("/items/popular", response_model=PopularItems)
async def popular(state: State, n: Count = 10, category: Names = []) -> Response:  # noqa: B006
    """List the most rated items."""
    return json_response(_listed(await state.recommender.popular(n=n, categories=category)))


@router.get("/items/{item_id}/similar", response_model=SimilarItems)
async def similar(item_id: PathId, state: State, n: Count = 10, category: Names = []) -> Response:  # noqa: B006
    """List the items whose vectors point where this item's vector points."""
    return json_response(_listed(state.recommender.similar(item_id, n=n, categories=category)) | {"item_id": item_id})


def _listed(answer: Answer) -> dict[str, object]:
    return {"model_version": answer.model_version, "items": [asdict(item) for item in answer.items]}
