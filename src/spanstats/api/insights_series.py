"""The figures of one experiment by minute, hour, day, week or month."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from ..dialects.insights.options import Options
from ..dialects.insights.series import FILLS, SERIES_ANSWER, SERIES_REQUEST, series_object, series_table
from ..insights.granularity import AUTO, GRANULARITIES
from ..insights.granularity import time_zone as read_zone
from ..insights.series import Axis, series
from .failures import within
from .insights_shared import FIGURES, WINDOW, Intervals, Measures, Missing, answered, options_of, question_of
from .openapi import body
from .resources import caller, resources_of, tenant_database
from .route_classes import StatsRead
from .stats_shared import PREFIX, READ_ERRORS, ROUTER, Time

read = APIRouter(route_class=StatsRead, **ROUTER)

_PATH = f"{PREFIX}/experiments/{{experiment_id}}/series"
_NAMES = (*WINDOW, *FIGURES, "granularity", "fill", "time_zone")
_SERIES: dict[str, Any] = {
    "responses": {**READ_ERRORS, **SERIES_ANSWER},
    "description": (
        "Figures by bucket of the trace's start, at most 2,000 points. Days, weeks (from Monday) and months are those "
        "of the time zone, so a day may have 23 or 25 hours. Buckets reach from the start of the window to its end, or "
        "from the first trace to the last."
    ),
}

Granularity = Annotated[
    str | None,
    Query(description="`auto` makes about fifty points", json_schema_extra={"enum": [AUTO, *GRANULARITIES, ""]}),
]
Fill = Annotated[
    str | None,
    Query(
        description=(
            "`null` shows empty buckets with sums of 0 and no means, `none` leaves them out, `zero` shows every sum "
            "that has no value as 0"
        ),
        json_schema_extra={"enum": [*FILLS, ""]},
    ),
]
Zone = Annotated[str | None, Query(description="An IANA name; UTC by default", examples=["Europe/Zurich"])]


@read.get(_PATH, summary="Measure an experiment over time", **_SERIES)
@read.post(
    _PATH,
    summary="Measure the traces that match filters over time",
    openapi_extra=body(SERIES_REQUEST, required=False),
    **_SERIES,
)
async def measure_over_time(
    request: Request,
    experiment_id: str,
    granularity: Granularity = None,
    measures: Measures = None,
    fill: Fill = None,
    time_zone: Zone = None,
    start_time: Time = None,
    end_time: Time = None,
    missing: Missing = None,
    intervals: Intervals = None,
) -> Response:
    options = await options_of(request, _NAMES)
    fill, axis, question = options.one_of("fill", FILLS, "null"), _axis(options), await question_of(request, options)
    database, columns = tenant_database(request), resources_of(request).columns
    with within(options.where.get("granularity", "query")):
        points = await series(database, columns, caller(request).tenant_id, experiment_id, question, axis)
    return await answered(
        request,
        lambda: series_object(points, question, fill),
        lambda: series_table(points, question, fill),
        f"{experiment_id} series",
    )


def _axis(options: Options) -> Axis:
    zone = options.located("time_zone", read_zone, options.text("time_zone"))
    return Axis(options.one_of("granularity", (AUTO, *GRANULARITIES), AUTO), zone)
