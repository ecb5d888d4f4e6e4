"""Errors as RFC 9457 problem documents; the one table that maps Foldin's errors to HTTP. Raw input is never echoed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from app import errors

log: structlog.stdlib.BoundLogger = structlog.get_logger()

MOST_ERRORS = 10_000  # one for each row of a batch
_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class _Problem:
    status: int
    name: str
    title: str


PROBLEMS: Mapping[type[errors.FoldinError], _Problem] = {
    errors.NotFoundError: _Problem(404, "not-found", "There is no such thing"),
    errors.InvalidInputError: _Problem(422, "invalid-input", "The request cannot be accepted as it is"),
    errors.VersionGoneError: _Problem(410, "version-gone", "These pages cannot be continued; begin again"),
    errors.StoreUnavailableError: _Problem(
        503, "store-unavailable", "The database is not reachable; nothing was stored"
    ),
    errors.StoreBusyError: _Problem(503, "store-busy", "Too many writes are waiting; nothing was stored"),
    errors.StoreFullError: _Problem(507, "store-full", "The disk of the database is full; nothing was stored"),
    errors.StoreUnusableError: _Problem(503, "store-unusable", "The database cannot be used as it is"),
    errors.ArtifactError: _Problem(503, "model-unreadable", "The model's files cannot be read"),
    errors.SupersededError: _Problem(409, "superseded", "Another trainer has taken over"),
    errors.TrainingFailedError: _Problem(409, "training-failed", "The training produced no model"),
}
_BY_STATUS = {
    400: _Problem(400, "bad-request", "The request is malformed"),
    401: _Problem(401, "key-required", "A valid API key is needed"),
    403: _Problem(403, "forbidden", "This is not allowed"),
    404: _Problem(404, "not-found", "There is no such thing"),
    405: _Problem(405, "method-not-allowed", "This address does not take that method"),
    408: _Problem(408, "request-timeout", "The request did not come in time"),
    413: _Problem(413, "too-large", "The request is too large"),
    415: _Problem(415, "unsupported-media-type", "The request's content type cannot be read"),
    421: _Problem(421, "misdirected-request", "This service does not answer under that host name"),
    429: _Problem(429, "too-many-requests", "Too many requests at a time"),
    431: _Problem(431, "headers-too-large", "The address or the headers are too long"),
    500: _Problem(500, "internal-error", "Something went wrong inside; the log says what"),
    503: _Problem(503, "overloaded", "The service has too much to do; try again later"),
}
_BY_ROUTING = {
    (404, "Not Found"): "there is nothing at this address; GET /docs lists every call",
    (405, "Method Not Allowed"): "send one of the methods in the Allow header; GET /docs lists every call",
}
"""What to say in place of the words of routing, which do not say what to do."""


class FieldError(BaseModel):
    """One rejected value: where it is, as a JSON pointer, and why."""

    pointer: str = Field(description="Where it is: a JSON pointer into the body, or `/query/…` or `/path/…`.")
    reason: str = Field(description="What is wrong with it.")


class ProblemDocument(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(description="A stable name of the kind of problem.")
    title: str = Field(description="The kind of problem in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What was wrong this time and what to do.")
    errors: list[FieldError] = Field([], description="Each rejected value.")


def problem_response(
    problem: _Problem,
    detail: str,
    rejected: Sequence[tuple[str, str]] = (),
    headers: Mapping[str, str] | None = None,
    members: Mapping[str, object] | None = None,
) -> Response:
    """Write a problem document.

    Parameters
    ----------
    problem : _Problem
        What kind it is.
    detail : str
        What was wrong this time and what to do.
    rejected : sequence of (str, str)
        JSON pointers and reasons.
    headers : mapping, optional
        Further headers.
    members : mapping, optional
        Further members of the document.

    Returns
    -------
    Response
        ``application/problem+json``.
    """
    document: dict[str, object] = {
        "type": f"urn:foldin:problem:{problem.name}",
        "title": problem.title,
        "status": problem.status,
        "detail": detail,
        **(members or {}),
    }
    if rejected:
        document["errors"] = [{"pointer": pointer, "reason": reason} for pointer, reason in rejected]
    response = Response(orjson.dumps(document), problem.status, media_type="application/problem+json")
    response.headers.update(headers or ({"Retry-After": "1"} if problem.status in {429, 503} else {}))
    return response


def http_problem(status: int, detail: str) -> Response:
    """Write a problem document for a plain HTTP status.

    Parameters
    ----------
    status : int
        One of the statuses in this module's table.
    detail : str
        What was wrong and what to do.

    Returns
    -------
    Response
        ``application/problem+json``.
    """
    return problem_response(_BY_STATUS[status], detail)


def rejected_values(error: ValidationError | RequestValidationError) -> list[tuple[str, str]]:
    """List what pydantic rejected, without the values.

    Parameters
    ----------
    error : ValidationError or RequestValidationError
        From a body or from parameters.

    Returns
    -------
    list of (str, str)
        JSON pointers and reasons.
    """
    found = (
        error.errors(include_url=False, include_input=False, include_context=False)
        if isinstance(error, ValidationError)
        else error.errors()
    )
    return [(_pointer(entry["loc"]), _reason(entry["msg"])) for entry in found[:MOST_ERRORS]]


def _pointer(location: Sequence[object]) -> str:
    # The name of a field that is not ours came from outside, in any length.
    return "".join("/" + str(part)[:_LONGEST_NAME].replace("~", "~0").replace("/", "~1") for part in location)


def _reason(message: str) -> str:
    return message.removeprefix("Value error, ")


async def answer_error(_request: Request, error: Exception) -> Response:
    """Answer an error that was raised on purpose.

    Parameters
    ----------
    _request : Request
        What raised it.
    error : FoldinError, HTTPException or ClientDisconnect
        Any other is raised again.

    Returns
    -------
    Response
        A problem document.
    """
    if isinstance(error, HTTPException):
        problem = _BY_STATUS.get(error.status_code, _BY_STATUS[400])
        detail = _BY_ROUTING.get((error.status_code, str(error.detail)), str(error.detail))
        return problem_response(problem, detail, headers=error.headers)
    if isinstance(error, errors.FoldinError):
        rejected = error.errors if isinstance(error, errors.InvalidInputError) else ()
        return problem_response(PROBLEMS[type(error)], str(error), rejected)
    if isinstance(error, ClientDisconnect):
        return http_problem(408, "the request did not come to its end")  # nobody is there to read it
    raise error


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every error with a problem document.

    Parameters
    ----------
    app : FastAPI
        Gets its exception handlers.
    """
    app.exception_handler(errors.FoldinError)(answer_error)
    app.exception_handler(HTTPException)(answer_error)
    app.exception_handler(ClientDisconnect)(answer_error)

    @app.exception_handler(RequestValidationError)
    async def invalid_parameters(_request: Request, error: RequestValidationError) -> Response:
        rejected = rejected_values(error)
        return problem_response(PROBLEMS[errors.InvalidInputError], "see errors for each rejected value", rejected)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        route = getattr(request.scope.get("route"), "path", None)
        log.error("request_failed", method=request.method, route=route, exc_info=error)
        return http_problem(500, "the request was not carried out; try again, and look at the service's log")
