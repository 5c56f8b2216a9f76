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
"""Spans that are shown, and where more are asked for: browsers stand still with more."""
_LEVELS = 24
"""Each further level would be narrower than a word."""
_FEW_CHARACTERS, _MANY_CHARACTERS = 2_000, 100_000
"""Of each text, likewise."""


@router.get("/ui/trace")
async def trace(request: Request) -> Response:
    """`run` and `id` name the trace; with `all` more of its spans and of their content is shown."""
    run, trace_id = (request.query_params.get(name, "") for name in ("run", "id"))
    shows_all = "all" in request.query_params
    spans, characters = (_MOST_SPANS, _MANY_CHARACTERS) if shows_all else (_SPANS, _FEW_CHARACTERS)
    path = path_of("api", "stats", "v1", "experiments", run, "traces", trace_id)
    call = Call(path, {"max_spans": spans, "max_depth": _LEVELS, "preview_length": characters})
    if not run or not trace_id:
        raise Refused(call, 404, "No trace was named")
    parts = Parts(request, key_of(request) or "", {"answer": part(call, _shown, is_essential=True)})
    return await page_of_parts(
        request,
        "trace.html",
        parts,
        run=run,
        trace_id=trace_id,
        run_link=run_link(run),
        whole_path=f"{path_of('api', 'v2', 'experiments', run, 'logs', trace_id)}/",
        all_link=None if shows_all else f"{root_of(request)}{trace_link(run, trace_id)}&all=1",
    )


def _shown(answer: dict[str, Any]) -> dict[str, Any]:
    return {**answer, "rows": rows_of(answer["spans"], answer["takes"])}
