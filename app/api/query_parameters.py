"""Query parameters checked as one model, where FastAPI would take longer to look at each than the answer takes."""

from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from app.api.problems import rejected_values
from app.errors import InvalidInputError

Model = TypeVar("Model", bound=BaseModel)


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
    given: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        field = model.model_fields.get(name)
        if field is not None and isinstance(field.get_default(call_default_factory=False), list):
            given.setdefault(name, []).append(value)
        else:
            given[name] = value
    try:
        return model.model_validate(given)
    except ValidationError as error:
        rejected = [("/query" + pointer, reason) for pointer, reason in rejected_values(error)]
        raise InvalidInputError("see errors for each rejected value", rejected) from None


def documented(model: type[BaseModel]) -> dict[str, Any]:
    """Describe the parameters in the API's documentation.

    Parameters
    ----------
    model : type
        As for ``read_parameters``.

    Returns
    -------
    dict
        For a route's ``openapi_extra``.
    """
    properties = model.model_json_schema()["properties"]
    parameters = [
        {"name": name, "in": "query", "required": False, "schema": schema} for name, schema in properties.items()
    ]
    return {"parameters": parameters}
