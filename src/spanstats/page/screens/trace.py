"""One trace: its tree of spans with the time of each, and what went in and out."""

from typing import Any

from fastapi import APIRouter, Request, Response

from ..calls import Call, Refused, path_of
from ..links import run_link, trace_link
from ..parts import Parts, part
from ..routing import ScreenRoute
from ..session import key_of, root_of
from ..streaming import page_of_parts
from .trace_tree import rows_of

router = APIRouter(route_class=ScreenRoute, include_in_schema=False)

_SPANS, _MOST_SPANS = 300, 3_000
"""Spans that are shown, and where all are asked for: browsers stand still with more."""


@router.get("/ui/trace")
async def trace(request: Request) -> Response:
    """`run` and `id` name the trace; with `all` more of its spans are shown."""
    run, trace_id = (request.query_params.get(name, "") for name in ("run", "id"))
    call = Call(path_of("api", "v2", "experiments", run, "logs", trace_id) + "/")
    if not run or not trace_id:
        raise Refused(call, 404, "No trace was named")
    most = _MOST_SPANS if "all" in request.query_params else _SPANS
    parts = Parts(request, key_of(request) or "", {"log": part(call, lambda log: _shown(log, most))})
    return await page_of_parts(
        request,
        "trace.html",
        parts,
        run=run,
        trace_id=trace_id,
        run_link=run_link(run),
        all_link=None if most == _MOST_SPANS else f"{root_of(request)}{trace_link(run, trace_id)}&all=1",
    )


def _shown(log: dict[str, Any], most: int) -> dict[str, Any]:
    tree = log.get("span_tree") or []
    return {**log, "rows": rows_of(tree, most), "left": max(0, log["span_count"] - most)}
