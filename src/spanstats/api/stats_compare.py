"""Whether runs differ: `/api/stats/v1/compare`."""

from typing import Any

from fastapi import APIRouter, Request, Response

from ..catalog import evaluators
from ..comparison import compare as comparison
from ..comparison.arms import Arm
from ..comparison.chosen import score_names
from ..comparison.request import Request as Comparing
from ..comparison.results import Comparison
from ..dialects.insights.compare_answer import comparison_answer
from ..dialects.insights.compare_request import BODY_KEYS, SentArm, read_arms, read_options, refuse_others
from ..dialects.insights.compare_schema import COMPARE_SCHEMA
from .answers import json_answer
from .failures import within
from .openapi import body as body_of
from .resources import caller, resources
from .routing import StatsRead
from .stats_shared import PREFIX, READ_ERRORS, ROUTER, filter_of, sent_object

read = APIRouter(route_class=StatsRead, **ROUTER)


_COMPARE: dict[str, Any] = {
    "summary": "Compare runs item by item",
    "description": (
        "One base and up to eight candidates, each an experiment with a filter and a window: by measure the difference "
        "of the means over the items that both have, how sure it is, and a verdict."
    ),
    "openapi_extra": body_of(COMPARE_SCHEMA),
    "responses": READ_ERRORS,
}


@read.post(f"{PREFIX}/compare", **_COMPARE)
async def compare_arms(request: Request) -> Response:
    body = await sent_object(request, required=True)
    with within("body"):
        refuse_others(body, BODY_KEYS)
        arms, options = read_arms(body), read_options(body)
    return json_answer(comparison_answer(await _compare(request, await request_of(request, arms, options))))


async def request_of(request: Request, arms: list[SentArm], options: dict[str, Any]) -> Comparing:
    """The comparison that was asked for, its filters bound. Raises `InvalidInput`."""
    base, *candidates = [await _bound(request, arm) for arm in arms]
    return Comparing(base, tuple(candidates), most_traces=resources(request).limits.compared_traces, **options)


async def _bound(request: Request, arm: SentArm) -> Arm:
    body = {name: arm.body[name] for name in ("filters", "operator") if name in arm.body}
    matching = await filter_of(request, body, ("body", *arm.at))
    return Arm(arm.experiment_id, arm.window, matching, ".".join(map(str, arm.at)))


async def _compare(request: Request, asked: Comparing) -> Comparison:
    tools, tenant_id = resources(request), caller(request).tenant_id
    keys = await evaluators.find_keys(tools.engine, tools.timeouts, tenant_id, score_names(asked))
    return await comparison.compare(tools.engine, tools.timeouts, tenant_id, asked, keys)
