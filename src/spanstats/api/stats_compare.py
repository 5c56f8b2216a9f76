"""Whether runs differ: `/api/stats/v1/compare`."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from ..catalog import baselines, evaluators
from ..comparison import compare as comparison
from ..comparison.arms import Arm
from ..comparison.chosen import EvaluatorKeys, score_names
from ..comparison.request import Request as Comparing
from ..dialects.insights.compare_answer import COMPARISON_COLUMNS, comparison_answer, comparison_table
from ..dialects.insights.compare_answer_schema import COMPARISON_ANSWER
from ..dialects.insights.compare_request import BODY_KEYS, SentArm, members, read_arms, read_options
from ..dialects.insights.compare_schema import COMPARE_SCHEMA
from ..dialects.insights.options import check_query
from ..errors import invalid
from .failures import within
from .insights_shared import answered
from .openapi import body as body_of
from .resources import caller, resources_of, tenant_database
from .route_classes import StatsRead
from .stats_shared import PREFIX, READ_ERRORS, ROUTER, filter_of, sent_object

read = APIRouter(route_class=StatsRead, **ROUTER)

Base = Annotated[
    str | None,
    Query(description="The id of the experiment to compare with", max_length=256, examples=["run-a"]),
]

_TABLE = "With `Accept: text/csv` the answer is a table."
_COMPARE: dict[str, Any] = {
    "summary": "Compare runs item by item",
    "description": (
        "One base and up to eight candidates, each an experiment with a filter and a window: by measure the difference "
        f"of the means over the items that both have, how sure it is, and a verdict. {_TABLE}"
    ),
    "openapi_extra": body_of(COMPARE_SCHEMA),
    "responses": {**READ_ERRORS, **COMPARISON_ANSWER},
}


@read.post(f"{PREFIX}/compare", **_COMPARE)
async def compare_arms(request: Request) -> Response:
    check_query(request.query_params.multi_items())
    fields = await sent_object(request, required=True)
    with within("body"):
        body = members(fields, BODY_KEYS)
        arms, options = read_arms(body), read_options(body)
    return await _answer(request, await request_of(request, arms, options))


_GET: dict[str, Any] = {
    "summary": "Compare a run with its baseline",
    "description": (
        "As by POST, of the whole experiment against `base`; without one against the baseline that was set for it or "
        f"for its project, never against one that is guessed. {_TABLE}"
    ),
    "responses": {**READ_ERRORS, **COMPARISON_ANSWER},
}


@read.get(f"{PREFIX}/experiments/{{experiment_id}}/compare", **_GET)
async def compare_with_baseline(
    request: Request,
    experiment_id: str,
    base: Base = None,
) -> Response:
    check_query(request.query_params.multi_items(), ["base"])
    if not base:
        base = await baselines.of_experiment(tenant_database(request), caller(request).tenant_id, experiment_id)
    if not base:
        raise invalid("must be there, since no baseline is set", "query", "base", code="missing")
    with within("query"):
        arms = read_arms({"base": base, "candidates": [experiment_id]})
    return await _answer(request, await request_of(request, arms, read_options({})))


async def request_of(request: Request, arms: list[SentArm], options: dict[str, Any]) -> Comparing:
    """The comparison that was asked for, its filters bound. Raises `InvalidInput`."""
    base, *candidates = [await _bound(request, arm) for arm in arms]
    return Comparing(base, tuple(candidates), most_traces=resources_of(request).limits.compared_traces, **options)


async def _bound(request: Request, arm: SentArm) -> Arm:
    body = {name: arm.body[name] for name in ("filters", "operator") if name in arm.body}
    matching = await filter_of(request, body, ("body", *arm.at))
    return Arm(arm.experiment_id, arm.window, matching, ".".join(map(str, arm.at)))


async def evaluators_of(request: Request, comparing: Comparing) -> EvaluatorKeys:
    """The keys of the evaluators whose scores are compared, by the names in the request."""
    return await evaluators.find_keys(tenant_database(request), caller(request).tenant_id, score_names(comparing))


async def _answer(request: Request, comparing: Comparing) -> Response:
    resources, keys = resources_of(request), await evaluators_of(request, comparing)
    tenant_id = caller(request).tenant_id
    compared = await comparison.compare(resources.columns, tenant_database(request), tenant_id, comparing, keys)
    return await answered(
        request,
        lambda: comparison_answer(compared),
        lambda: (COMPARISON_COLUMNS, comparison_table(compared)),
        f"compare {comparing.base.experiment_id}",
    )
