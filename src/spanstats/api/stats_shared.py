"""What all routes under `/api/stats/v1` share: how they are described, and how they read filters and windows.

Keys, errors and tolerance of slashes are those of Respan's paths. What a filter is, is what it is for the summary: one
compiler reads both.
"""

from typing import Any

from fastapi import Request

from ..dialects.respan.filter_names import LOG_FIELD_NAMES
from ..errors import InvalidInput, Location, Problem
from ..filters.disjuncts import Filter, compile_filter
from ..filters.trace_fields import TRACES
from .resources import caller
from .respan_shared import ROUTER, Time, errors, predicate_of, sent_object, window_of

__all__ = ["PREFIX", "READ_ERRORS", "ROUTER", "Time", "errors", "filter_of", "sent_object", "window_of"]

PREFIX = "/api/stats/v1"

READ_ERRORS = errors(400, 401, 403, 404, 413, 503)
"""`responses` of a route that reads."""


async def filter_of(request: Request, filters: Any, at: Location = ("body",)) -> Filter | None:
    """The filter in an object with `filters` and `operator`, as the summary's body has them; `None` where it has none.

    `at` is the location of the object. Raises `InvalidInput` that names a field or operator from there on.
    """
    try:
        bound = await predicate_of(request, filters, TRACES, LOG_FIELD_NAMES)
    except InvalidInput as error:
        problems = [Problem((*at, *p.location[1:]), p.message, p.code) for p in error.problems]
        raise InvalidInput(problems) from error
    return None if bound is None else compile_filter(bound, caller(request).tenant_id)
