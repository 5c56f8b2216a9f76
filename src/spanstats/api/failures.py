"""Here alone an error becomes a status, and is answered in the dialect of the path that was asked for."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from ..errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    OutOfScope,
    Problem,
    SpanstatsError,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from ..metrics import rejected
from .error_bodies import Failure, answer, route_path

logger = logging.getLogger(__name__)


_STATUS: dict[type[SpanstatsError], int] = {
    Conflict: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    TooLarge: 413,
    OutOfScope: 501,
}
_INTERNAL = Failure(500, "Internal error")


def failure_of(error: Exception) -> Failure:
    """All that the client is answered about this error; of an unexpected one nothing."""
    match error:
        case InvalidInput():
            return Failure(None, str(error), error.problems)
        case RequestValidationError():
            return failure_of(InvalidInput([Problem(tuple(e["loc"]), e["msg"], e["type"]) for e in error.errors()]))
        case Unavailable():
            return Failure(503, str(error), headers={"Retry-After": str(error.retry_after_s)})
        case TooMany():
            return Failure(429, str(error), headers={"Retry-After": str(error.retry_after_s)})
        case Unauthenticated():
            return Failure(401, str(error), headers={"WWW-Authenticate": "Bearer"})
        case SpanstatsError():
            return Failure(_STATUS[type(error)], str(error))
        case StarletteHTTPException():
            return Failure(error.status_code, str(error.detail), headers=error.headers or {})
        case _:
            return _INTERNAL


@contextmanager
def within(*location: str | int) -> Iterator[None]:
    """Locates problems that are found inside as lying there: `within("body")`."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput([problem.under(*location) for problem in error.problems]) from error


def install(app: FastAPI) -> None:
    """Have the application answer all its errors from here."""
    for error in (SpanstatsError, RequestValidationError, StarletteHTTPException, Exception):
        app.add_exception_handler(error, _handle)
    app.add_exception_handler(404, _not_found)
    app.add_exception_handler(405, _wrong_method)
    app.add_exception_handler(ClientDisconnect, _nobody_listens)


_EXPECTED = (SpanstatsError, RequestValidationError, StarletteHTTPException, ClientDisconnect)


def is_expected(error: Exception) -> bool:
    """Whether the error is an answer, and no fault of ours that somebody must look into."""
    return isinstance(error, _EXPECTED)


async def answer_to(request: Request, error: Exception) -> Response:
    """The answer to a request that failed so."""
    return await (_nobody_listens if isinstance(error, ClientDisconnect) else _handle)(request, error)


async def _handle(request: Request, error: Exception) -> Response:
    if isinstance(error, Unavailable):
        route = getattr(request.scope.get("route"), "path", "unmatched")
        logger.warning("%s %s: %s", request.method, route, error, extra={"alike": str(error)})
    failure = failure_of(error)
    _count(error, failure)
    return answer(request, failure)


def _count(error: Exception, failure: Failure) -> None:
    """Refusals by the codes of their problems, else by the class of the error."""
    for code in {problem.code for problem in failure.problems}:
        rejected(code)
    if isinstance(error, SpanstatsError) and not failure.problems:
        rejected(type(error).__name__.lower())


_OTHER_SIGNAL = re.compile(r"(/api)*/v1/(logs|metrics)/?$")


async def _not_found(request: Request, error: Exception) -> Response:
    if _OTHER_SIGNAL.match(route_path(request)):
        error = HTTPException(404, "Only traces are accepted here, at /v1/traces; logs and metrics are not")
    return await _handle(request, error)


async def _wrong_method(request: Request, _error: Exception) -> Response:
    """Routes know their own methods only; of one path there may be several."""
    matches = [route.matches(request.scope) for route in request.app.routes]
    routes = [scope.get("route") for match, scope in matches if match is not Match.NONE]
    allowed = sorted({method for route in routes for method in getattr(route, "methods", None) or ()})
    return await _handle(request, HTTPException(405, "Method Not Allowed", {"Allow": ", ".join(allowed)}))


async def _nobody_listens(_request: Request, _error: Exception) -> Response:
    return Response(status_code=400)
