"""What schemathesis cannot know from the API's description: rules between fields, and what depends on the moment."""

from typing import Any

import schemathesis

_TIMES = ("timestamp", "available_from", "available_until")


@schemathesis.hook
def map_query(_context: Any, query: dict[str, Any] | None) -> dict[str, Any] | None:
    """Leave out made-up cursors: only one that was given out is accepted."""
    return {name: value for name, value in query.items() if name != "cursor"} if query else query


@schemathesis.hook
def map_body(_context: Any, body: Any) -> Any:
    """Keep to the rules between fields, where there are any."""
    if isinstance(body, list):
        return [_tidied(entry) for entry in body]
    return _tidied(body)


def _tidied(body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    dropped = {"cursor", *(name for name in _TIMES if isinstance(body.get(name), str | float | int))}
    if body.get("user_ids"):
        dropped |= {"user_id", "ratings", "compare"}
    elif not body.get("ratings"):
        dropped.add("compare")
    return {name: value for name, value in body.items() if name not in dropped}


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Give writes without a body their content type, which OpenAPI cannot ask for."""
    if case.method not in {"GET", "HEAD"} and case.media_type is None:
        case.headers["Content-Type"] = "application/json"
