"""Query parameters; those of a direct route are checked as one model, since one by one takes longer than the answer."""

from functools import lru_cache
from typing import Annotated, Any, TypeVar

from fastapi import Query, Request
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from starlette.datastructures import QueryParams

from app.api.paths import PATH_ID, PathId
from app.api.problems import rejected_values
from app.api.schemas import ID_SCHEMA
from app.errors import InvalidInputError
from app.services.policy import MAX_ID_BYTES

Model = TypeVar("Model", bound=BaseModel)

Count = Annotated[int, Query(ge=1, le=1000, description="How many.")]
Name = Annotated[str, Field(max_length=MAX_ID_BYTES)]
Names = Annotated[
    list[Name],
    Query(max_length=1000, description="An item must be in one of them, when any are named; may be repeated."),
]
PageCursor = Annotated[str, Query(description="`next_cursor` of the page before.")]

_REJECTED = "see errors for each rejected value"
_SHORT_QUERY = 200
_path_id: TypeAdapter[str] = TypeAdapter(PathId)


def read_parameters(request: Request, model: type[Model]) -> Model:
    """Read a request's query parameters.

    Parameters
    ----------
    request : Request
        Parameters that the model does not have are passed over; of one that is named twice the last counts, except
        for lists.
    model : type
        With a field for each parameter.

    Returns
    -------
    BaseModel
        Checked.

    Raises
    ------
    InvalidInputError
        If one is not as it should be.
    """
    query = request.scope["query_string"]
    return _kept(model, query) if len(query) <= _SHORT_QUERY else _read(model, query)


def _read(model: type[Model], query: bytes) -> Model:
    given: dict[str, Any] = {}
    for name, value in QueryParams(query).multi_items():
        field = model.model_fields.get(name)
        if field is not None and isinstance(field.get_default(call_default_factory=False), list):
            given.setdefault(name, []).append(value)
        else:
            given[name] = value
    try:
        return model.model_validate(given)
    except ValidationError as error:
        rejected = [("/query" + pointer, reason) for pointer, reason in rejected_values(error)]
        raise InvalidInputError(_REJECTED, rejected) from None


_kept = lru_cache(1024)(_read)  # the same few questions come again and again, about other users


def read_path_id(request: Request, name: str) -> str:
    """Read the id of a user or an item in a request's address.

    Parameters
    ----------
    request : Request
        Matched.
    name : str
        Of the path's parameter.

    Returns
    -------
    str
        Decoded.

    Raises
    ------
    InvalidInputError
        If it is none.
    """
    try:
        return _path_id.validate_python(request.path_params[name])
    except ValidationError as error:
        rejected = [(f"/path/{name}", reason) for _, reason in rejected_values(error)]
        raise InvalidInputError(_REJECTED, rejected) from None


def documented(model: type[BaseModel], *path_ids: str) -> dict[str, Any]:
    """Describe the parameters in the API's documentation.

    Parameters
    ----------
    model : type
        As for ``read_parameters``.
    *path_ids : str
        The ids in the path.

    Returns
    -------
    dict
        For a route's ``openapi_extra``.
    """
    properties = model.model_json_schema()["properties"]
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "description": PATH_ID, "schema": ID_SCHEMA} for name in path_ids
    ]
    for name, schema in properties.items():
        described = {"description": schema.pop("description")} if "description" in schema else {}
        parameters.append({"name": name, "in": "query", "required": False, **described, "schema": schema})
    return {"parameters": parameters}
