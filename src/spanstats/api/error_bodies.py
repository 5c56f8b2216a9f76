"""The body of a failure, in the dialect of the path that was asked for."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, assert_never

from fastapi import Request, Response

from ..dialects import otlp
from ..domain.values import clean
from ..errors import Problem
from .answers import json_answer

_MAX_TEXT = 500
_MAX_PROBLEMS = 100


class Dialect(Enum):
    """Whose error bodies a path answers with; the first pattern that matches the path decides."""

    PAREA = re.compile(r"(/api)*/parea(/|$)")
    OTLP = re.compile(r"(/api)*/v[12]/(traces|logs|metrics)/?$")
    RESPAN = re.compile("")

    @classmethod
    def of(cls, path: str) -> "Dialect":
        """The dialect of a path."""
        return next(dialect for dialect in cls if dialect.value.match(path))


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, as every dialect can answer it. `status` is `None` where dialects differ: an invalid input."""

    status: int | None
    message: str
    problems: tuple[Problem, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


def answer(request: Request, failure: Failure) -> Response:
    """The failure in the dialect of the request's path."""
    dialect = Dialect.of(route_path(request))
    status = failure.status or (422 if dialect is Dialect.PAREA else 400)
    message, problems = _short(failure.message), _described(failure.problems)
    match dialect:
        case Dialect.OTLP:
            body, media_type = otlp.encode_status(status, message, request.headers.get("content-type", ""))
            return Response(body, status, dict(failure.headers), media_type)
        case Dialect.PAREA:
            return json_answer({"detail": problems or message}, status, failure.headers)
        case Dialect.RESPAN:
            return json_answer({"error": message, "detail": problems}, status, failure.headers)
        case _ as unreachable:
            assert_never(unreachable)


def route_path(request: Request) -> str:
    """The path as routes know it, without what a proxy put before it."""
    path: str = request.scope["path"]
    return path.removeprefix(request.scope.get("root_path", ""))


def _described(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """FastAPI's shape, without the input itself: it may be huge, secret or impossible to encode."""
    return [
        {
            "loc": [_short(part) if isinstance(part, str) else part for part in problem.location],
            "msg": _short(problem.message),
            "type": problem.code,
        }
        for problem in list(problems)[:_MAX_PROBLEMS]
    ]


def _short(text: str) -> str:
    return clean(text[:_MAX_TEXT])
