"""Routes for lists that are the same for everyone: popular, trending, latest."""

from fastapi import Response
from fastapi.concurrency import run_in_threadpool

from app.api.answer_schemas import PopularItems
from app.api.parameters import Count, Names
from app.api.state import State, json_response, scoped_router
from app.services.questions.answers import Answer

router = scoped_router("charts")


@router.get("/items/popular", response_model=PopularItems)
async def popular(state: State, n: Count = 10, category: Names = []) -> Response:  # noqa: B006 - FastAPI copies it
    """List the most rated items; a score is a number of ratings."""
    return json_response(_listed(await state.recommender.popular(n=n, categories=category)))


@router.get("/items/trending", response_model=PopularItems)
async def trending(state: State, n: Count = 10, category: Names = []) -> Response:  # noqa: B006
    """List the items that are rated most lately: each rating counts half after seven days."""
    return json_response(_listed(await state.trending.trending(n=n, categories=category)))


@router.get("/items/latest", response_model=PopularItems)
async def latest(state: State, n: Count = 10, category: Names = []) -> Response:  # noqa: B006
    """List the items that were added last, the newest first."""
    found = await run_in_threadpool(state.trending.latest, n=n, categories=category)
    return json_response({"model_version": None, "items": found})


def _listed(answer: Answer) -> dict[str, object]:
    return {"model_version": answer.model_version, "items": answer.items}
