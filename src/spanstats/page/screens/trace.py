"""One trace: its tree of spans with the time of each, and what went in and out."""

from typing import Any

from fastapi import APIRouter, Request, Response

from ..calls import Call, Refused, path_of
from ..links import run_link, trace_link
from ..parts import Part, Parts, part
from ..routing import ScreenRoute
from ..session import key_of, root_of
from ..streaming import page_of_parts
from .run_choices import run_path
from .trace_tree import rows_of

router = APIRouter(route_class=ScreenRoute, include_in_schema=False)

_SPANS, _MOST_SPANS = 300, 3_000
"""Spans that are shown, and where more are asked for: browsers become too slow with more."""
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
    if not run or not trace_id:
        raise Refused(Call(run_path(run)), 404, "No trace was named")
    path = path_of("api", "stats", "v1", "experiments", run, "traces", trace_id)
    tree = Call(path, {"max_spans": spans, "max_depth": _LEVELS, "preview_length": characters})
    parts = {
        "trace": _row_part(run, trace_id),
        "answer": part(tree, _shown, advice=f"ask for its spans at {_whole_path(run, trace_id)}"),
    }
    return await page_of_parts(
        request,
        "trace.html",
        Parts(request, key_of(request) or "", parts),
        run=run,
        trace_id=trace_id,
        run_link=run_link(run),
        whole_path=_whole_path(run, trace_id),
        all_link=None if shows_all else f"{root_of(request)}{trace_link(run, trace_id)}&all=1",
    )


def _whole_path(run: str, trace_id: str) -> str:
    """Where the interface answers all spans of the trace."""
    return f"{path_of('api', 'v2', 'experiments', run, 'logs', trace_id)}/"


def _row_part(run: str, trace_id: str) -> Part:
    """The numbers of the trace, which are there long before the tree of a trace of many spans is."""
    body = {"filters": [{"field": "trace_unique_id", "operator": "=", "value": [trace_id]}], "limit": 1}
    call = Call(f"{run_path(run)}/traces", body=body)

    def only_one(answer: dict[str, Any]) -> dict[str, Any]:
        if not answer["traces"]:
            raise Refused(call, 404, "There is no such trace in this run")
        return {**answer["traces"][0], "as_of": answer["as_of"]}

    return part(call, only_one, is_essential=True)


def _shown(answer: dict[str, Any]) -> dict[str, Any]:
    return {**answer, "rows": rows_of(answer["spans"], answer["takes"])}
