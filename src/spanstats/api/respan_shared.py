"""What all of Respan's routes share: how they are described, and how they read windows, filters and pages."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query, Request, Security
from fastapi.security import HTTPBearer

from ..catalog.filters import bind_filter
from ..dialects import json_body, json_repair
from ..dialects.respan.filters import read_filters
from ..dialects.respan.paging import Paging, envelope, read_paging
from ..dialects.respan.schema import ErrorAnswer
from ..domain.span import Span
from ..domain.times import moment
from ..errors import invalid
from ..filters.compile import compile_predicate
from ..filters.fields import FieldTable
from ..filters.predicate import Bound
from ..stats.sums import Window
from ..store.sql_types import SqlCondition
from .decoding import beside
from .failures import within
from .openapi import DESCRIPTIONS
from .resources import caller, resources_of, tenant_committer, tenant_database

_DESCRIPTIONS = DESCRIPTIONS | {400: "The request is wrong; `detail` says what is wrong with it"}

ROUTER: dict[str, Any] = {"dependencies": [Security(HTTPBearer(auto_error=False))], "strict_content_type": False}
"""Options of every router of Respan's routes."""

_EMPTY = {"maxLength": 0}
# Patterns are for readers of the description; problems are reported in this API's own words.
Time = Annotated[
    str | None,
    Query(
        description="ISO 8601; without zone UTC",
        examples=["2026-01-01T00:00:00Z"],
        json_schema_extra={
            "anyOf": [{"type": "string", **form} for form in ({"format": "date-time"}, {"format": "date"}, _EMPTY)]
        },
    ),
]
Page = Annotated[
    str | None,
    Query(
        description="From 1; beyond the last page `results` is empty",
        examples=["1"],
        json_schema_extra={"pattern": "^([1-9][0-9]{0,8})?$"},
    ),
]
PageSize = Annotated[
    str | None,
    Query(
        description="1 to 1000 (or as the service is set), 100 by default",
        examples=["100"],
        json_schema_extra={"pattern": "^([1-9][0-9]{0,2}|1000)?$"},
    ),
]


def sorting(names: Mapping[str, str]) -> Any:
    """How the query that sorts by one of these names is described."""
    pattern = f"^(-?({'|'.join(names)}))?$"
    return Query(description="A field, with `-` before it for descending order", json_schema_extra={"pattern": pattern})


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`default` describes all other statuses, and hides FastAPI's 422, which is never answered here."""
    documented: dict[int | str, dict[str, Any]] = {"default": {"model": ErrorAnswer, "description": "Any other error"}}
    return documented | {s: {"model": ErrorAnswer, "description": _DESCRIPTIONS[s]} for s in statuses}


def window_of(start_time: str | None, end_time: str | None) -> Window:
    """The window that a query names; its ends may lie where no trace can. Raises `InvalidInput`."""
    with within("query"):
        return Window(moment(start_time, "start_time"), moment(end_time, "end_time"))


def paging_of(request: Request, page: str | None, page_size: str | None) -> Paging:
    """The page that a query names. Raises `InvalidInput`."""
    with within("query"):
        return read_paging(page, page_size, resources_of(request).limits.page_size)


async def sent_object(request: Request, *, required: bool = False) -> dict[str, Any]:
    """The body as an object; an empty one is an empty object unless it is required. Raises `InvalidInput`."""
    raw = await request.body()
    with within("body"):
        decoded = await beside(request, json_body.decode, raw) if raw.strip() or required else {}
        return json_body.as_object(decoded)


async def sent_span(request: Request) -> dict[str, Any]:
    """The body as an object that is to be stored. Raises `InvalidInput`."""
    raw = await request.body()
    with within("body"):
        return json_body.as_object((await beside(request, _decode_stored, raw)).value)


def _decode_stored(raw: bytes) -> json_repair.Decoded[object]:
    return json_repair.decode_stored(object, raw)


_NARROWING = frozenset({"start_time", "end_time", "environment", "log_type"})


async def filter_body(request: Request) -> Any:
    """The body of a list or summary, `None` where it is empty.

    Raises `InvalidInput`, also where it has what the query narrows by, such as the window: left out, it would not
    narrow, and the sums would pass for those of the window. A page or an order is left out, as the vendor does.
    """
    body = await optional_body(request)
    if isinstance(body, dict):
        names = [f.alias for f in request.scope["route"].dependant.query_params if f.alias in _NARROWING]
        misplaced = [n for n in names if body.get(n) not in (None, "") and str(body[n]) != request.query_params.get(n)]
        if misplaced:
            raise invalid("is read from the query of the address", "body", misplaced[0], code="misplaced")
    return body


async def optional_body(request: Request) -> Any:
    """The body of a request that need not have one, `None` where it is empty.

    Raises `InvalidInput`, also for a GET that has one: its filters would be left out, and the sums pass for filtered.
    """
    raw = await request.body()
    if not raw.strip():
        return None
    with within("body"):
        body = await beside(request, json_body.decode, raw)
        if request.method == "GET" and body:
            raise invalid("is not read by GET: send it by POST", code="unexpected_body")
    return body


async def condition_of(
    request: Request, body: Any, table: FieldTable, field_names: Mapping[str, str]
) -> SqlCondition | None:
    """The filters of a body as a condition on rows of the table, `None` where it has none. Raises `InvalidInput`."""
    bound = await predicate_of(request, body, table, field_names)
    return None if bound is None else compile_predicate(bound, caller(request).tenant_id)


async def predicate_of(request: Request, body: Any, table: FieldTable, field_names: Mapping[str, str]) -> Bound | None:
    """The filters of a body, bound to the fields of the table, `None` where it has none. Raises `InvalidInput`."""
    resources = resources_of(request)
    filters = read_filters(body, field_names, resources.limits.filters)
    if filters is None:
        return None
    return await bind_filter(
        tenant_database(request), caller(request).tenant_id, filters, table, resources.limits.filters
    )


async def store_override(request: Request, span: Span, fields: dict[str, Any]) -> None:
    """Return once these fields replace those of the stored span, and of its repeats from now on."""
    committer, tenant_id = tenant_committer(request), caller(request).tenant_id
    if span.by_span_id:
        await committer.override(tenant_id, span.span_id, fields, len(await request.body()))
    else:
        await committer.override_stored(tenant_id, span.trace_id, span.span_id, fields)


def listed(request: Request, count: int, paging: Paging, results: list[Any], body: Any = None) -> dict[str, Any]:
    """A page of a list, with the addresses of its neighbours."""
    filters = body.get("filters") if isinstance(body, dict) else None
    return envelope(count, paging, results, str(request.url), filters)
