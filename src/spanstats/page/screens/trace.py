"""One trace: its tree of spans with the time of each, and what went in and out."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from ..calls import Call, Refused, ask, path_of
from ..charts.bars import time_bar
from ..content import as_text
from ..figures import seconds
from ..links import run_link
from ..render import page
from ..routing import ScreenRoute
from ..session import key_of

router = APIRouter(route_class=ScreenRoute, include_in_schema=False)


@router.get("/ui/trace")
async def trace(request: Request) -> Response:
    """`run` and `id` name the trace."""
    run, trace_id = (request.query_params.get(name, "") for name in ("run", "id"))
    call = Call(path_of("api", "v2", "experiments", run, "logs", trace_id) + "/")
    if not run or not trace_id:
        raise Refused(call, 404, "No trace was named")
    log = await ask(request, key_of(request) or "", call)
    spans = log.get("span_tree") or []
    began, whole = _extent(spans)
    return page(
        request,
        "trace.html",
        calls=(call,),
        run=run,
        run_link=run_link(run),
        log=log,
        spans=[_span(span, began, whole) for span in spans],
    )


def _span(span: dict[str, Any], began: float, whole: float) -> dict[str, Any]:
    """What the template shows of a span, and its bar within the trace."""
    start = _moment(span["start_time"]) - began
    length = span["duration"] if span["duration"] is not None else _moment(span["end_time"]) - began - start
    sentence = f"{span['name'] or 'span'}: begins after {seconds(start)}, takes {seconds(length)}"
    failed = span["status"] == "error"
    return {
        **span,
        "failed": failed,
        "bar": time_bar(start, length, whole, sentence, "error" if failed else "own"),
        "shown": [(label, as_text(span.get(name))) for label, name in _CONTENT if span.get(name) is not None],
        "below": [_span(child, began, whole) for child in span["children"]],
    }


_CONTENT = (("Input", "input"), ("Output", "output"), ("Expected", "expected_output"), ("Error", "error_message"))


def _extent(spans: list[dict[str, Any]]) -> tuple[float, float]:
    """When the first span begins, in seconds since 1970, and how long it takes until the last one ends."""
    times = [(_moment(s["start_time"]), _moment(s["end_time"])) for s in _all(spans)]
    if not times:
        return 0.0, 0.0
    began = min(start for start, _ in times)
    return began, max(end for _, end in times) - began


def _all(spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [span for top in spans for span in (top, *_all(top["children"]))]


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
