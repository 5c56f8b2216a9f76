"""Respan's API: spans in its own flat format, and the summary of an experiment."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from ..dialects.respan import flat
from ..dialects.respan.filter_names import LOG_FIELD_NAMES
from ..dialects.respan.schema import FILTERS_SCHEMA, IngestAnswer, ingest_answer
from ..dialects.respan.summary import SummaryAnswer, summary_answer
from ..errors import InvalidInput
from ..filters.disjuncts import compile_filter
from ..filters.trace_fields import TRACES
from ..insights.questions import Question
from ..insights.summary_percentiles import MEASURES, read_percents, summarize_with_percentiles
from ..stats.summary import summarize
from ..stats.sums import Window
from .answers import json_answer, model_answer
from .decoding import beside
from .failures import within
from .observation import note_batch
from .openapi import body
from .resources import caller, resources_of, tenant_committer, tenant_database
from .respan_shared import ROUTER, Time, errors, filter_body, predicate_of, window_of
from .route_classes import RespanRead, RespanWrite

read = APIRouter(route_class=RespanRead, **ROUTER)
write = APIRouter(route_class=RespanWrite, **ROUTER)

_SPANS = {
    "description": "Spans, as a list or under `data`",
    "anyOf": [
        {"type": "array", "items": {"type": "object"}},
        {
            "type": "object",
            "properties": {"data": {"type": "array", "items": {"type": "object"}}},
            "required": ["data"],
        },
    ],
}
_INGEST: dict[str, Any] = {
    "summary": "Ingest flat spans",
    "description": (
        "Stores spans; sent again, they update what is stored. Answers once they are committed. A span that cannot be "
        "read costs no other: it is named under `rejected`; where none can be read, the answer is 400."
    ),
    "openapi_extra": body(_SPANS),
    "responses": {200: {"model": IngestAnswer}, **errors(400, 401, 403, 413, 503)},
}


@write.post("/api/v1/traces/ingest", **_INGEST)
@write.post("/api/traces/ingest/", **_INGEST)
@write.post("/api/openai/v1/traces/ingest", **_INGEST)
@write.post("/api/integrations/v1/traces/ingest", **_INGEST)
async def ingest_spans(request: Request) -> Response:
    resources, raw = resources_of(request), await request.body()
    with within("body"):
        batch = await beside(request, flat.read_batch, raw, max_spans=resources.limits.spans)
        if batch.rejected and not batch.spans:
            raise InvalidInput([problem.under(index) for index, problem in batch.rejected])
    await tenant_committer(request).submit(caller(request).tenant_id, batch.spans, len(raw))
    note_batch("respan", batch)
    return json_answer(ingest_answer(batch).model_dump())


_PATH = "/api/v2/experiments/{experiment_id}/logs/summary/"
_OTHER_PATH = "/api/evaluations/experiments/{experiment_id}/logs/summary/"
_SUMMARY: dict[str, Any] = {
    "response_model": SummaryAnswer,
    "responses": errors(400, 401, 403, 404, 503),
}
_PERCENT = r"(100(\.0{1,3})?|[1-9]?[0-9](\.[0-9]{1,3})?)"
_PERCENTS = f"^({_PERCENT}(,{_PERCENT}){{0,9}})?$"
_WINDOW = (
    "`start_time` is inclusive, `end_time` exclusive, both of the trace's start and both optional; without zone they "
    "are UTC."
)


Percents = Annotated[
    str | None,
    Query(
        description=f"Percents joined by commas: adds these percentiles of {', '.join(MEASURES)}",
        examples=["50,95,99"],
        json_schema_extra={"pattern": _PERCENTS},
    ),
]

_GET: dict[str, Any] = {
    **_SUMMARY,
    "name": "get_experiment_summary",
    "summary": "Summarize an experiment",
    "description": f"Totals and means over the experiment's traces in the window. {_WINDOW}",
}
_FILTER: dict[str, Any] = {
    **_SUMMARY,
    "name": "filter_experiment_summary",
    "summary": "Summarize the traces that match filters",
    "description": f"Totals and means over the experiment's traces in the window that match the filters. {_WINDOW}",
    "openapi_extra": body(FILTERS_SCHEMA, required=False),
}


# Under two names, which the description of the API shows as `operationId`.
@read.get(_PATH, **_GET)
@read.get(_OTHER_PATH, **_GET)
@read.post(_PATH, **_FILTER)
@read.post(_OTHER_PATH, **_FILTER)
async def summarize_experiment(
    request: Request,
    experiment_id: str,
    start_time: Time = None,
    end_time: Time = None,
    percentiles: Percents = None,
) -> Response:
    window = window_of(start_time, end_time)
    return await _summary(request, experiment_id, window, percentiles, await filter_body(request))


async def _summary(
    request: Request, experiment_id: str, window: Window, percentiles: str | None, filters: Any
) -> Response:
    columns, tenant_id = resources_of(request).columns, caller(request).tenant_id
    database = tenant_database(request)
    bound = await predicate_of(request, filters, TRACES, LOG_FIELD_NAMES)
    if not percentiles:
        matching = None if bound is None else compile_filter(bound, tenant_id)
        summary = await summarize(columns, database, tenant_id, experiment_id, window, matching)
        return model_answer(summary_answer(summary))
    with within("query"):
        percents = read_percents([name.strip() for name in percentiles.split(",")])
    summarized = await summarize_with_percentiles(
        columns, database, tenant_id, experiment_id, Question(window, bound), percents
    )
    return model_answer(summary_answer(*summarized))
