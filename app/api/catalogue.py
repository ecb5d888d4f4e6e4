"""Routes for the catalogue: say what items are, look them up, search them, delete them."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from fastapi import Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
    WithJsonSchema,
    model_validator,
)

from app.api.bodies import json_body, read_as
from app.api.id_cursors import read_cursor, write_cursor
from app.api.parameters import Count, PageCursor
from app.api.paths import PathId
from app.api.schemas import ID_SCHEMA, ItemOut, ItemsPage, to_moment
from app.api.state import State, json_response, scoped_router
from app.services.clock import to_rfc3339
from app.services.policy import check_id
from app.storage.catalogue import CatalogueRow

MAX_TITLE = 1000
MAX_CATEGORIES = 100
MAX_ATTRIBUTE_BYTES = 16_384
_LAST_MOMENT = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp()) * 1_000_000

router = scoped_router("catalogue")


def _to_date(moment: object) -> int | None:
    microseconds = to_moment(moment)
    if microseconds is not None and not 0 <= microseconds <= _LAST_MOMENT:
        raise ValueError("must lie between the years 1970 and 9999")
    return microseconds


def _check_title(title: str) -> str:
    if "\0" in title:
        raise ValueError("must not contain NUL")
    return title


def _check_attributes(attributes: dict[str, JsonValue]) -> dict[str, JsonValue]:
    try:
        text = json.dumps(attributes, allow_nan=False)
        orjson.dumps(attributes)
    except (ValueError, TypeError, RecursionError):
        raise ValueError("must be plain JSON with finite numbers of at most 64 bits") from None
    if len(text) > MAX_ATTRIBUTE_BYTES:
        raise ValueError(f"must not take more than {MAX_ATTRIBUTE_BYTES:,} bytes")
    return attributes


_DATE: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "format": "date-time"},
        {"type": "number", "minimum": 0, "maximum": _LAST_MOMENT // 1_000_000},
        {"type": "null"},
    ]
}
Date = Annotated[int | None, BeforeValidator(_to_date), WithJsonSchema(_DATE)]
Category = Annotated[str, AfterValidator(check_id), WithJsonSchema(ID_SCHEMA)]


class ItemIn(BaseModel):
    """What can be said of an item; with ``PATCH`` only what is given changes."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    title: (
        Annotated[
            str, Field(max_length=MAX_TITLE, json_schema_extra={"pattern": r"^[^\x00]*$"}), AfterValidator(_check_title)
        ]
        | None
    ) = Field(None, description="For people, and to be searched.")
    categories: list[Category] = Field([], max_length=MAX_CATEGORIES, description="What lists can be filtered by.")
    hidden: bool = Field(False, description="Never recommended while true.")
    available_from: Date = Field(None, description="Recommended from then on.")
    available_until: Date = Field(None, description="Recommended until just before then.")
    attributes: Annotated[dict[str, JsonValue], AfterValidator(_check_attributes)] = Field(
        {}, description="Anything else."
    )

    @model_validator(mode="after")
    def _check_order(self) -> "ItemIn":
        dates = self.available_from, self.available_until
        if dates[0] is not None and dates[1] is not None and dates[0] >= dates[1]:
            raise ValueError("available_from must be before available_until")
        return self


_item = TypeAdapter(ItemIn)
_body = json_body("ItemIn")


@router.put("/items/{item_id}", response_model=ItemOut, openapi_extra=_body)
async def put_item(item_id: PathId, request: Request, state: State) -> Response:
    """Make an item, or say anew what it is; answers follow within two seconds."""
    entry = await read_as(request, _item)
    return json_response(_described(await state.catalogue.put(item_id, entry.model_dump())))


@router.patch("/items/{item_id}", response_model=ItemOut, openapi_extra=_body)
async def change_item(item_id: PathId, request: Request, state: State) -> Response:
    """Change what is given and leave the rest."""
    entry = await read_as(request, _item)
    return json_response(_described(await state.catalogue.change(item_id, entry.model_dump(exclude_unset=True))))


@router.get("/items/{item_id}", response_model=ItemOut)
async def get_item(item_id: PathId, state: State) -> Response:
    """Read an item."""
    return json_response(_described(await run_in_threadpool(state.catalogue.find, item_id)))


@router.delete("/items/{item_id}", status_code=204)
async def delete_item(item_id: PathId, state: State) -> Response:
    """Delete an item and every rating of it; it is in no answer any more within two seconds."""
    await state.catalogue.delete(item_id)
    return Response(status_code=204)


@router.get("/items", response_model=ItemsPage)
async def list_items(
    state: State,
    q: Annotated[str, Query(max_length=MAX_TITLE, description="A part of the title, in either case.")] = "",
    n: Count = 100,
    cursor: PageCursor = "",
) -> Response:
    """List items by id, or those with some words in their title."""
    after = read_cursor(cursor)
    found = [] if "\0" in q else await run_in_threadpool(state.catalogue.search, q, after=after, limit=n + 1)
    next_cursor = write_cursor(found[n - 1].item_id) if len(found) > n else None
    return json_response({"items": [_described(row) for row in found[:n]], "next_cursor": next_cursor})


def _described(row: CatalogueRow) -> dict[str, object]:
    return {
        "item_id": row.item_id,
        "title": row.title,
        "categories": row.categories,
        "hidden": row.hidden,
        "available_from": None if row.available_from is None else to_rfc3339(row.available_from),
        "available_until": None if row.available_until is None else to_rfc3339(row.available_until),
        "attributes": row.attributes,
    }
