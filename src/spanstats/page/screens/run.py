"""One run: its figures and what is missing behind each, how they are spread, and which traces to look at."""

from typing import Any

from fastapi import APIRouter, Request, Response

from ..calls import Call, Refused, ask, ask_all, path_of
from ..charts.bars import share_bar
from ..charts.dumbbell import dumbbell
from ..charts.points import trend
from ..conditions import FIELDS, OPERATORS, Condition, conditions_of, filters_of, rows_of
from ..content import first_line
from ..figures import measure_name, measured, moment
from ..links import run_link, trace_link
from ..render import page
from ..routing import ScreenRoute
from ..session import key_of, root_of
from .spread import spread

router = APIRouter(route_class=ScreenRoute, include_in_schema=False)

_PERCENTILES = ("p50", "p95", "p99")
_TIMES = ("latency", "ttft")
_MEASURES = [f"{name}.{p}" for name in _TIMES for p in _PERCENTILES]
_MAX_SPREADS = 4

LISTS = {
    "slowest": ("-duration", ()),
    "dearest": ("-total_cost", ()),
    "failed": ("-start_time", (Condition("status", "=", "error"),)),
    "newest": ("-start_time", ()),
}
"""The order, and a condition beside those of the page."""

GROUPS = ("model", "status", "name", "environment", "span_name", "customer_identifier")


@router.get("/ui/run")
async def run(request: Request) -> Response:
    """`id` names the run; `f`, `op`, `v` filter its traces; `by` groups them; `list` chooses the traces below."""
    query, key = request.query_params, key_of(request) or ""
    experiment_id = query.get("id", "")
    path = path_of("api", "stats", "v1", "experiments", experiment_id)
    conditions = conditions_of(request)
    filtered: dict[str, Any] = {"filters": filters_of(conditions)} if conditions else {}
    figures_call = Call(path, body=filtered)
    if not experiment_id:
        raise Refused(figures_call, 404, "No run was named")
    figures = await ask(request, key, figures_call)
    scores = [name for name in figures["measures"] if name.startswith("scores.")]
    by, wanted = query.get("by") or "model", query.get("list", "")
    listed = wanted if wanted in LISTS else "slowest"
    more = _more(path, experiment_id, filtered, conditions, by, listed, [*scores[:_MAX_SPREADS], "latency"])
    percentiles, series, groups, traces, *spreads = await ask_all(request, key, *more)
    return page(
        request,
        "run.html",
        calls=(figures_call, *more),
        as_of=figures.get("as_of"),
        run=figures["experiment"],
        name=_name(figures["experiment"]),
        figures=figures,
        measures=figures["measures"],
        scores=scores,
        dumbbell=_dumbbell(percentiles["measures"]),
        spreads=[(measure_name(s["measure"]), spread(s, [experiment_id])) for s in spreads],
        series=_series(series),
        groups=_groups(groups, by),
        by=by,
        group_names=GROUPS,
        traces=[_trace(t, experiment_id) for t in traces["results"]],
        listed=listed,
        lists=LISTS,
        filter_rows=rows_of(request, conditions),
        conditions=conditions,
        fields=FIELDS,
        operators=OPERATORS,
        kept=[(n, query[n]) for n in ("id", "by", "list") if query.get(n)],
        action=f"{root_of(request)}/ui/run",
        link=lambda **changed: _same(request, experiment_id, conditions, changed),
        without=lambda i: _same(request, experiment_id, [*conditions[:i], *conditions[i + 1 :]], {}),
    )


def _more(
    path: str,
    experiment_id: str,
    filtered: dict[str, Any],
    conditions: list[Condition],
    by: str,
    listed: str,
    spread_over: list[str],
) -> list[Call]:
    order, extra = LISTS[listed]
    logs = path_of("api", "v2", "experiments", experiment_id, "logs", "list") + "/"
    return [
        Call(path, body={**filtered, "measures": _MEASURES}),
        Call(f"{path}/series", body={**filtered, "measures": ["cost.sum", "latency.mean"]}),
        Call(f"{path}/breakdown", body={**filtered, "group_by": [by], "limit": 12, "measures": _group_measures()}),
        Call(
            logs,
            {"sort_by": order, "page_size": 8, "preview_length": 300},
            {"filters": filters_of([*conditions, *extra])},
        ),
        *(Call(f"{path}/histogram", body={**filtered, "measure": m, "bins": 20}) for m in spread_over),
    ]


def _group_measures() -> list[str]:
    return ["cost.sum", "total_tokens.sum", "latency.mean"]


def _name(experiment: dict[str, Any]) -> str:
    return str(experiment.get("run_name") or experiment.get("name") or experiment["id"])


def _dumbbell(measures: dict[str, Any]) -> Any:
    rows = [
        (measure_name(name), [measures[name].get(p) for p in _PERCENTILES])
        for name in _TIMES
        if measures[name]["count"]
    ]
    if not rows:
        return None
    sentence = "; ".join(
        f"{name}: " + ", ".join(f"{p} {measured(v, 's')}" for p, v in zip(_PERCENTILES, values, strict=True))
        for name, values in rows
    )
    return {"svg": dumbbell(rows, "s", sentence), "rows": rows, "names": _PERCENTILES}


def _series(answer: dict[str, Any]) -> Any:
    points = answer["points"]
    if len(points) < 2:
        return None
    counts = [(moment(p["start"]), float(p["count"])) for p in points]
    sentence = f"Traces by {answer['granularity']}, {len(points)} of them"
    return {"svg": trend(counts, None, sentence), "granularity": answer["granularity"], "points": points}


def _groups(answer: dict[str, Any], by: str) -> dict[str, Any]:
    rows = [*answer["groups"]]
    most = max((_sum(row, "cost") or 0 for row in rows), default=0)
    for row in rows:
        row["label"] = "several" if row["key"].get("several") else row["key"].get(by)
        row["bar"] = share_bar(_sum(row, "cost"), most, f"{row['label']}: {measured(_sum(row, 'cost'), 'USD')}")
    return {**answer, "groups": rows}


def _sum(row: dict[str, Any], measure: str) -> float | None:
    return (row.get(measure) or {}).get("sum")


def _trace(log: dict[str, Any], experiment_id: str) -> dict[str, Any]:
    return {**log, "link": trace_link(experiment_id, log["id"]), "shown": first_line(log.get("input")) or log["name"]}


def _same(request: Request, experiment_id: str, conditions: list[Condition], changed: dict[str, str]) -> str:
    choices = {n: request.query_params[n] for n in ("by", "list") if request.query_params.get(n)} | changed
    return root_of(request) + run_link(experiment_id, conditions, list(choices.items()))
