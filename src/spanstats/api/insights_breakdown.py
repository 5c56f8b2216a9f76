"""The figures of one experiment by the values of a field, a metadata key, a score or a span's field."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from ..catalog import evaluators
from ..dialects.insights.breakdown import breakdown_object, breakdown_table
from ..dialects.insights.breakdown_request import NAMES, read_breakdown_options, read_dimensions
from ..dialects.insights.breakdown_schema import BREAKDOWN_ANSWER, BREAKDOWN_REQUEST
from ..dialects.insights.options import Options
from ..insights.breakdown import BreakdownOptions, break_down
from ..insights.dimensions import SPAN, UNITS, Dimension, check_measures, evaluator_of
from ..insights.from_rollups import default_measures
from ..insights.questions import Question
from .insights_shared import FIGURES, WINDOW, Measures, Missing, answered, options_of, question_of
from .openapi import body
from .resources import caller, resources_of, tenant_database
from .route_classes import StatsRead
from .stats_shared import PREFIX, READ_ERRORS, ROUTER, Time

read = APIRouter(route_class=StatsRead, **ROUTER)

_PATH = f"{PREFIX}/experiments/{{experiment_id}}/breakdown"
_NAMES = (*NAMES, *WINDOW, *(name for name in FIGURES if name != "intervals"))
_BREAKDOWN: dict[str, Any] = {
    "responses": {**READ_ERRORS, **BREAKDOWN_ANSWER},
    "description": (
        "Groups of traces, or of spans where a field of spans is named: then tokens and cost are those of the spans, "
        "each once, so that they add up to those of the traces. Counts and sums of the groups and of `other` are those "
        "of `total`."
    ),
}

GroupBy = Annotated[
    str | None,
    Query(
        description=(
            "One or two dimensions, joined by a comma: `status`, `name`, `model`, `metadata.<key>`, "
            "`scores.<evaluator>`, a label such as `customer_identifier`, or `span_name`, `provider_id`, `log_type`"
        ),
        examples=["metadata.topic"],
    ),
]
Unit = Annotated[str | None, Query(json_schema_extra={"enum": [*UNITS, ""]})]
OrderBy = Annotated[
    str | None, Query(description="`count`, `key` or a measure that is asked for; `-` before it for descending order")
]
Limit = Annotated[
    str | None,
    Query(
        description="1 to 1,000 groups, 50 by default",
        json_schema_extra={"pattern": "^([1-9][0-9]{0,2}|1000)?$"},
    ),
]


@read.get(_PATH, summary="Break an experiment down", **_BREAKDOWN)
@read.post(
    _PATH,
    summary="Break the traces that match filters down",
    openapi_extra=body(BREAKDOWN_REQUEST, required=False),
    **_BREAKDOWN,
)
async def break_experiment_down(
    request: Request,
    experiment_id: str,
    group_by: GroupBy = None,
    measures: Measures = None,
    unit: Unit = None,
    order_by: OrderBy = None,
    limit: Limit = None,
    start_time: Time = None,
    end_time: Time = None,
    missing: Missing = None,
) -> Response:
    question, breakdown_options = await _read(request)
    database, columns = tenant_database(request), resources_of(request).columns
    breakdown = await break_down(
        database, columns, caller(request).tenant_id, experiment_id, question, breakdown_options
    )
    return await answered(
        request,
        lambda: breakdown_object(breakdown, question, breakdown_options),
        lambda: breakdown_table(breakdown, question, breakdown_options),
        f"{experiment_id} breakdown",
    )


async def _read(request: Request) -> tuple[Question, BreakdownOptions]:
    """The traces and measures that are asked for, and how they are grouped. Raises `InvalidInput`."""
    options = await options_of(request, _NAMES)
    dimensions = await _dimensions(request, options)
    question = await question_of(request, options)
    breakdown_options = read_breakdown_options(options, dimensions, question.measures)
    if breakdown_options.unit == SPAN:
        options.located("measures", check_measures, question.measures or ())
        question = replace(question, measures=question.measures or default_measures(()))
    return question, breakdown_options


async def _dimensions(request: Request, options: Options) -> list[Dimension]:
    names = options.names("group_by")
    scores = [s for name in names if (s := evaluator_of(name)) is not None]
    keys = await evaluators.find_keys(tenant_database(request), caller(request).tenant_id, scores)
    dimensions: list[Dimension] = options.located("group_by", read_dimensions, names, keys)
    return dimensions
