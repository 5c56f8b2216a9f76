"""The metadata keys of one experiment, to build filters with."""

from typing import Any

from fastapi import APIRouter, Request, Response

from ..dialects.insights.known_keys import KEYS_ANSWER, known_keys_object, known_keys_table
from ..insights.known_keys import NEWEST_TRACES, find_known_keys
from .insights_shared import answered, options_of
from .resources import caller, tenant_database
from .route_classes import StatsRead
from .stats_shared import PREFIX, READ_ERRORS, ROUTER

read = APIRouter(route_class=StatsRead, **ROUTER)

_KEYS: dict[str, Any] = {
    "responses": {**READ_ERRORS, **KEYS_ANSWER},
    "description": (
        "Keys that traces of the experiment have in their metadata and labels, to filter and group by: of all traces "
        f"that are held as columns, and of the {NEWEST_TRACES:,} newest ones."
    ),
}


@read.get(f"{PREFIX}/experiments/{{experiment_id}}/keys", summary="List metadata keys of an experiment", **_KEYS)
async def get_known_keys(request: Request, experiment_id: str) -> Response:
    await options_of(request, ())
    keys = await find_known_keys(tenant_database(request), caller(request).tenant_id, experiment_id)
    return await answered(
        request, lambda: known_keys_object(keys), lambda: known_keys_table(keys), f"{experiment_id} keys"
    )
