"""What schemathesis cannot know from the API's description: rules between fields, and what depends on the moment."""

import re
from typing import Any

import schemathesis

_TIMES = {"timestamp": 1, "available_from": 1, "available_until": 2}
_LAST_DATE = 253_402_214_400  # the description's, for dates of items
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.IGNORECASE)


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Keep what fits the description to what it cannot say; what does not fit it stays, and must be refused."""
    if case.method not in {"GET", "HEAD"} and case.media_type is None:
        case.headers["Content-Type"] = "application/json"
    if case.meta.generation.mode.is_negative:
        return
    if case.query:  # of cursors only those that were given out are accepted
        case.query = {name: value for name, value in case.query.items() if name != "cursor"}
    case.body = [_tidied(entry) for entry in case.body] if isinstance(case.body, list) else _tidied(case.body)


def _tidied(body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    dropped = {"cursor"}
    body |= {name: good for name, good in _TIMES.items() if _is_time(name, body.get(name))}
    if isinstance(body.get("attributes"), dict):
        body["attributes"] = _within_64_bits(body["attributes"])
    if body.get("user_ids"):
        dropped |= {"user_id", "ratings", "compare"}
    elif not body.get("ratings"):
        dropped.add("compare")
    return {name: value for name, value in body.items() if name not in dropped}


def _is_time(name: str, value: Any) -> bool:
    """Whether a value is a time by the description, which cannot say that it must have been, or come in this order."""
    if isinstance(value, str):
        return _RFC_3339.fullmatch(value) is not None
    last = float("inf") if name == "timestamp" else _LAST_DATE
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= last


def _within_64_bits(value: Any) -> Any:
    """What attributes may hold; a description of numbers at any depth would be longer than the rest of it."""
    if isinstance(value, dict):
        return {name: _within_64_bits(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_within_64_bits(inner) for inner in value]
    return 0 if isinstance(value, int) and abs(value) >= 2**63 else value
