"""Routes for ratings: write, list, delete, erase."""

from typing import Annotated

from fastapi import Path, Request, Response
from fastapi.concurrency import run_in_threadpool

from app.api.bodies import content_type, read_json
from app.api.id_cursors import read_cursor, write_cursor
from app.api.parameters import Count, PageCursor
from app.api.paths import PathId
from app.api.rating_bodies import MAX_BATCH, read_many_ratings, read_ratings
from app.api.rating_streams import NDJSON, write_stream
from app.api.schemas import ErasureReceipt, RatingsPage, RatingsWritten
from app.api.security import PlainRoute
from app.api.state import ApiState, State, json_response, scoped_router
from app.services.clock import to_rfc3339
from app.services.event_loop import give_way
from app.storage.ratings import Erasure

router = scoped_router("ratings")
_FREED = 500  # ratings at a time
_one_or_many: dict[str, list[dict[str, object]]] = {
    "anyOf": [
        {"$ref": "#/components/schemas/RatingIn"},
        {"type": "array", "maxItems": MAX_BATCH, "items": {"$ref": "#/components/schemas/RatingIn"}},
    ]
}
_contents = {"application/json": {"schema": _one_or_many}, NDJSON: {"schema": _one_or_many["anyOf"][0]}}
_body = {"requestBody": {"required": True, "content": _contents}}


async def write_ratings(request: Request) -> Response:
    """Store one rating or up to 10,000, all or none; safe to repeat, since the newest timestamp of a pair wins.

    As NDJSON, a rating a line, any number is taken and stored in parts; an error says how many lines are stored.
    """
    state: ApiState = request.app.state.foldin
    if content_type(request) == NDJSON:
        return await write_stream(request, state)
    ratings = await read_json(
        request,
        lambda body: read_ratings(body, state.settings),
        lambda body: read_many_ratings(body, state.settings),
    )
    with state.metrics.store_writes.time():
        counts = await state.ingester.rate(ratings)
    state.metrics.ratings.inc(counts.accepted)
    while len(ratings) > _FREED:  # to free ten thousand at once would hold everybody up for two milliseconds
        del ratings[-_FREED:]
        await give_way()
    return json_response(counts)


router.add_api_route(
    "/ratings",
    write_ratings,
    methods=["POST"],
    response_model=RatingsWritten,
    openapi_extra=_body,
    route_class_override=PlainRoute,
)


@router.get("/users/{user_id}/ratings", response_model=RatingsPage)
async def list_ratings(user_id: PathId, state: State, n: Count = 100, cursor: PageCursor = "") -> Response:
    """List a user's ratings by item id, a page at a time."""
    after = read_cursor(cursor)
    found = await run_in_threadpool(state.ingester.list_ratings, user_id, after=after, limit=n + 1)
    page = found[:n]
    listed = [
        {"item_id": rating.item_id, "value": rating.value, "timestamp": to_rfc3339(rating.timestamp or 0)}
        for rating in page
    ]
    next_cursor = write_cursor(page[-1].item_id) if len(found) > n else None
    return json_response({"items": listed, "next_cursor": next_cursor})


@router.delete("/users/{user_id}/ratings/{item_id}", status_code=204)
async def delete_rating(user_id: PathId, item_id: PathId, state: State) -> Response:
    """Delete one rating; the next answer is given without it."""
    await state.ingester.delete_rating(user_id, item_id)
    return Response(status_code=204)


@router.delete("/users/{user_id}", response_model=ErasureReceipt)
async def erase_user(user_id: PathId, state: State) -> Response:
    """Erase a user and every rating of theirs, and say how to follow when no model holds them any more."""
    return json_response(_receipt(await state.ingester.erase_user(user_id)))


@router.get("/erasures/{erasure_id}", response_model=ErasureReceipt)
async def get_erasure(
    erasure_id: Annotated[int, Path(ge=1, lt=2**63, description="From a receipt.")], state: State
) -> Response:
    """Read an erasure's receipt, with the first model version trained without the user once there is one."""
    return json_response(_receipt(await run_in_threadpool(state.ingester.find_erasure, erasure_id)))


def _receipt(erasure: Erasure) -> dict[str, object]:
    return {
        "erasure_id": erasure.id,
        "erased_at": to_rfc3339(erasure.erased_at),
        "n_ratings": erasure.n_ratings,
        "without_version": erasure.without_version,
    }
