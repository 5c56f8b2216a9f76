"""How the values of a measure are distributed, in one experiment or in several over the same edges."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from ..dialects.insights.histogram import histogram_object, histogram_table
from ..dialects.insights.histogram_request import BINNING, read_arm, read_arms, read_binning, read_measure
from ..dialects.insights.histogram_schema import ARMS_REQUEST, HISTOGRAM_ANSWER, HISTOGRAM_REQUEST
from ..dialects.insights.options import Options
from ..errors import InvalidInput, Problem
from ..insights.distribution import Arm, distribution
from ..insights.edges import SCALES, Binning
from ..insights.measures import MeasureSpec
from ..insights.questions import Question
from .insights_shared import WINDOW, answered, matching_of, measure_of, options_of
from .openapi import body
from .resources import caller, resources_of, tenant_database
from .route_classes import StatsRead
from .stats_shared import PREFIX, READ_ERRORS, ROUTER, Time

read = APIRouter(route_class=StatsRead, **ROUTER)

_OF_ONE = f"{PREFIX}/experiments/{{experiment_id}}/histogram"
_OF_ARMS = f"{PREFIX}/histogram"
_NAMES = ("measure", *BINNING, *WINDOW)
_HISTOGRAM: dict[str, Any] = {
    "responses": {**READ_ERRORS, **HISTOGRAM_ANSWER},
    "description": (
        "Exact counts of values by bin; what lies outside of the edges, and traces without a value, are counted too. "
        "Where few values differ, each is listed by itself besides."
    ),
}

MeasureName = Annotated[
    str | None, Query(description="`cost`, `latency`, ... or `scores.<evaluator>`", examples=["latency"])
]
Bins = Annotated[
    str | None,
    Query(description="1 to 100, 20 by default", json_schema_extra={"pattern": "^([1-9][0-9]?|100)?$"}),
]
Scale = Annotated[
    str | None,
    Query(
        description="Bins of equal width, or of equal ratio: then zeros are below the first edge",
        json_schema_extra={"enum": [*SCALES, ""]},
    ),
]
Bound = Annotated[
    str | None,
    Query(
        description="The first or the last edge, in the unit of the measure",
        json_schema_extra={"pattern": "^(-?[0-9]{1,9}([.][0-9]{1,9})?)?$"},
    ),
]


@read.get(_OF_ONE, summary="Distribution of a measure", **_HISTOGRAM)
@read.post(
    _OF_ONE,
    summary="Distribution of a measure over the traces that match filters",
    openapi_extra=body(HISTOGRAM_REQUEST, required=False),
    **_HISTOGRAM,
)
async def measure_distribution(
    request: Request,
    experiment_id: str,
    measure: MeasureName = None,
    bins: Bins = None,
    scale: Scale = None,
    low: Bound = None,
    high: Bound = None,
    start_time: Time = None,
    end_time: Time = None,
) -> Response:
    options = await options_of(request, _NAMES)
    spec, binning = await _spec_of(request, options), read_binning(options)
    return await _answer(request, [Arm(experiment_id, await _question(request, options))], spec, binning)


@read.post(
    _OF_ARMS,
    summary="Distributions of a measure over several arms, with the same edges",
    openapi_extra=body(ARMS_REQUEST),
    **_HISTOGRAM,
)
async def compare_distributions(request: Request) -> Response:
    options = await options_of(request, ("measure", *BINNING, "edges", "arms"), filters=False)
    spec, binning = await _spec_of(request, options), read_binning(options)
    arms = []
    for number, object_ in enumerate(read_arms(options)):
        with _in_arm(number):
            arm = read_arm(object_)
            arms.append(Arm(arm.values["experiment_id"], await _question(request, arm)))
    return await _answer(request, arms, spec, binning)


@contextmanager
def _in_arm(number: int) -> Iterator[None]:
    """Locates what is wrong in the arm of this number."""
    try:
        yield
    except InvalidInput as error:
        problems = [Problem(("body", "arms", number, *p.location[1:]), p.message, p.code) for p in error.problems]
        raise InvalidInput(problems) from error


async def _spec_of(request: Request, options: Options) -> MeasureSpec:
    spec: MeasureSpec = await measure_of(request, options, read_measure(options))
    return spec


async def _question(request: Request, options: Options) -> Question:
    return Question(options.window(), await matching_of(request, options))


async def _answer(request: Request, arms: Sequence[Arm], spec: MeasureSpec, binning: Binning) -> Response:
    resources = resources_of(request)
    arms = [replace(arm, question=replace(arm.question, measures=[spec])) for arm in arms]
    tenant_id = caller(request).tenant_id
    distributions = await distribution(tenant_database(request), resources.columns, tenant_id, arms, spec, binning)
    question = arms[0].question if len(arms) == 1 else Question()
    return await answered(
        request,
        lambda: histogram_object(distributions, spec, question),
        lambda: histogram_table(distributions),
        f"{spec.measure.name} histogram",
    )
