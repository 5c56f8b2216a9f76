"""All runs with their figures: searched, sorted, ticked to compare; quality against cost, and quality over runs."""

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from ..calls import Call, ask
from ..columns import column
from ..links import neighbours, run_link
from ..render import page
from ..routing import ScreenRoute
from ..session import key_of, root_of
from .runs_charts import mean_of, over_runs, trade_off_of

router = APIRouter(route_class=ScreenRoute, include_in_schema=False)

_PER_PAGE = 25
_ALWAYS = {"intervals": "true", "pareto": "true", "skip_preparing": "true"}
_SEARCHED = ("search", "project", "status")
_MAX_SCORES = 3
"""Columns of scores that fit a screen; the choice of the chart has all."""


@router.get("/ui/")
async def runs(request: Request) -> Response:
    """`search`, `project`, `status`, `metadata` (`key=value`), `sort`, `page` and `score` choose what is shown."""
    number = _number(request.query_params.get("page"))
    call = Call("/api/stats/v1/experiments", _query(request, number))
    answer = await ask(request, key_of(request) or "", call)
    searched = {name: request.query_params.get(name, "") for name in (*_SEARCHED, "metadata")}
    is_shown = answer["experiments"] or any(searched.values()) or number > 1
    return page(
        request,
        "runs.html" if is_shown else "no_runs.html",
        calls=(call,),
        as_of=answer.get("as_of"),
        screen="runs",
        number=number,
        neighbours=neighbours(number),
        searched=searched,
        sort=request.query_params.get("sort") or "-created_at",
        link=lambda **changed: _same(request, changed),
        statuses=("running", "completed", "failed"),
        **_listed(answer, request.query_params.get("score")),
    )


def _listed(answer: dict[str, Any], preferred: str | None) -> dict[str, Any]:
    """The runs of the page, and the charts of the score that is wanted, else of the most frequent one."""
    rows = [_run(run) for run in answer["experiments"]]
    scores = [score["measure"] for score in answer["scores"]]
    chosen = preferred if preferred in scores else next(iter(scores), None)
    return {
        "runs": rows,
        "count": answer["count"],
        "preparing": any(run["traces"] is None for run in rows),
        "more": answer["next_cursor"] is not None,
        "scores": scores,
        "columns": scores[:_MAX_SCORES],
        "means": {name: column([mean_of(run, name) for run in rows]) for name in scores[:_MAX_SCORES]},
        "score": chosen,
        "chart": trade_off_of(rows, chosen) if chosen else None,
        "over_runs": over_runs(rows, chosen) if chosen else None,
    }


def _run(run: dict[str, Any]) -> dict[str, Any]:
    return {**run, "link": run_link(run["id"]), "shown": run["run_name"] or run["name"] or run["id"]}


def _query(request: Request, number: int) -> dict[str, str | int]:
    query = request.query_params
    options: dict[str, str | int] = {name: query[name] for name in _SEARCHED if query.get(name)}
    key, equals, value = query.get("metadata", "").partition("=")
    if equals and key.strip():
        options[f"metadata.{key.strip()}"] = value.strip()
    if query.get("sort"):
        options["sort_by"] = query["sort"]
    return options | {"page": number, "page_size": _PER_PAGE, **_ALWAYS}


def _number(text: str | None) -> int:
    return int(text) or 1 if text and text.isascii() and text.isdigit() and len(text) < 7 else 1


def _same(request: Request, changed: dict[str, Any]) -> str:
    """This list with other choices; another search or order begins at the first page."""
    choices = {name: value for name, value in request.query_params.items() if name not in ("page", "run")}
    choices = {name: str(value) for name, value in (choices | changed).items() if value}
    return f"{root_of(request)}/ui/{'?' if choices else ''}{urlencode(choices)}"
