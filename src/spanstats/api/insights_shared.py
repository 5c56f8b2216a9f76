"""What the routes of one experiment's figures share: reading what is asked for, and answering JSON or a table."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

from fastapi import Query, Request, Response

from ..catalog import evaluators
from ..dialects.insights.options import Options, read_options
from ..dialects.respan.filter_names import LOG_FIELD_NAMES
from ..filters.predicate import Bound
from ..filters.trace_fields import TRACES
from ..insights.measures import SCORES, MeasureName, MeasureSpec, measure_specs, parse_name
from ..insights.questions import Question
from .answers import json_answer
from .csv_answer import csv_answer, wants_csv
from .resources import caller, tenant_database
from .respan_shared import optional_body, predicate_of

Measures = Annotated[
    str | None,
    Query(
        description=(
            "Measures with the aggregates that are wanted, joined by commas: `latency.p95`, `cost.sum`, "
            "`scores.<evaluator>.mean`. Without an aggregate: sum, mean and standard deviation."
        ),
        examples=["latency.p50,latency.p95,cost.sum"],
    ),
]
Missing = Annotated[
    str | None,
    Query(
        description="`zero` counts a trace without a score as a score of 0; `exclude` leaves it out",
        json_schema_extra={"enum": ["exclude", "zero", ""]},
    ),
]
Intervals = Annotated[str | None, Query(description="`true`: a 95 % interval around each mean and percentile")]

Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before, in the same order")]

SkipPreparing = Annotated[
    str | None,
    Query(
        description="`true`: where many sums are to be computed again, as after an upgrade, the answer has no figures "
        "but says how much is left, in `preparing`. Without it they are added up from the traces, which may take "
        "longer than an answer may"
    ),
]

WINDOW = ("start_time", "end_time")
FIGURES = ("measures", "missing", "intervals")
SKIP = "skip_preparing"


async def options_of(request: Request, allowed: Sequence[str], *, filters: bool = True) -> Options:
    """What the query and, by POST, the body say. Raises `InvalidInput`, also for names that mean nothing here."""
    body = await optional_body(request)
    return read_options(request.query_params.multi_items(), body, allowed, filters=filters and request.method == "POST")


async def question_of(request: Request, options: Options) -> Question:
    """The traces and measures that are asked for. Raises `InvalidInput`."""
    return Question(
        options.window(),
        await matching_of(request, options),
        await measures_of(request, options),
        options.one_of("missing", ("exclude", "zero"), "exclude") == "zero",
        options.flag("intervals"),
        options.flag(SKIP),
    )


async def matching_of(request: Request, options: Options) -> Bound | None:
    """The filters of the body, `None` where it has none. Raises `InvalidInput`."""
    return await predicate_of(request, options.filters or None, TRACES, LOG_FIELD_NAMES)


async def measures_of(request: Request, options: Options, name: str = "measures") -> list[MeasureSpec] | None:
    """The measures that are named, `None` where none is. Raises `InvalidInput`."""
    names = [parse_name(text) for text in options.names(name)]
    if not names:
        return None
    scores = {one.score for one in names if one.score is not None}
    keys = await evaluators.find_keys(tenant_database(request), caller(request).tenant_id, scores)
    measures: list[MeasureSpec] = options.located(name, measure_specs, names, keys, name)
    return measures


async def measure_of(request: Request, options: Options, name: str) -> MeasureSpec:
    """The measure of this name, which has no aggregate. Raises `InvalidInput` located at `measure`."""
    one = MeasureName(name, name.removeprefix(SCORES) if name.startswith(SCORES) else None, None)
    scores = [] if one.score is None else [one.score]
    keys = await evaluators.find_keys(tenant_database(request), caller(request).tenant_id, scores)
    (measure,) = options.located("measure", measure_specs, [one], keys, "measure")
    return MeasureSpec(measure.measure, ("count",))


async def answered(
    request: Request,
    content: Callable[[], Any],
    table: Callable[[], tuple[Sequence[str], Iterable[Sequence[Any]]]],
    name: str,
) -> Response:
    """The table as CSV where the client asks for that, else the content as JSON.

    It is put together in a thread: of a thousand groups that takes longer than others should wait.
    """
    if wants_csv(request):
        return await asyncio.to_thread(lambda: csv_answer(*table(), name))
    return await asyncio.to_thread(lambda: json_answer(content(), headers={"Vary": "Accept"}))
