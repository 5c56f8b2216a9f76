"""Setting what a run is compared with where a request does not say."""

from typing import Any

from fastapi import APIRouter, Request, Response

from ..catalog import baselines
from ..dialects.insights.compare_request import members
from ..dialects.insights.options import check_query
from ..dialects.insights.rows_answer_schema import BASELINE_ANSWER
from ..domain.values import identifier
from ..errors import invalid
from .answers import json_answer
from .failures import within
from .openapi import body as body_of
from .resources import caller, tenant_database
from .route_classes import StatsWrite
from .stats_shared import PREFIX, READ_ERRORS, ROUTER, sent_object

write = APIRouter(route_class=StatsWrite, **ROUTER)

_KEYS = frozenset({"baseline", "project"})
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "baseline": {
            "type": ["string", "null"],
            "maxLength": 256,
            "description": "The id of an experiment, or null",
        },
        "project": {"type": "boolean", "description": "For all experiments of this one's project"},
    },
    "required": ["baseline"],
    "additionalProperties": False,
    "examples": [{"baseline": "run-a"}, {"baseline": None, "project": True}],
}


@write.put(
    f"{PREFIX}/experiments/{{experiment_id}}/baseline",
    summary="Set the baseline of a run",
    description="What the run, or every run of its project, is compared with where a comparison names no base.",
    openapi_extra=body_of(_SCHEMA),
    responses={**READ_ERRORS, **BASELINE_ANSWER},
)
async def set_baseline(request: Request, experiment_id: str) -> Response:
    check_query(request.query_params.multi_items())
    fields = await sent_object(request, required=True)
    with within("body"):
        body = members(fields, _KEYS)
        if "baseline" not in fields:
            raise invalid("must be there", "baseline", code="missing")
        baseline, project = identifier(body.get("baseline"), "baseline"), body.get("project", False)
        if not isinstance(project, bool):
            raise invalid("must be true or false", "project", code="bool_type")
    await baselines.set_baseline(
        tenant_database(request), caller(request).tenant_id, experiment_id, baseline, project=project
    )
    return json_answer({"experiment_id": experiment_id, "baseline": baseline, "project": project})
