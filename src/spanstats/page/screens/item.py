"""One item in several runs, side by side: all its trials, and what changed between their outputs."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response

from ..calls import Call, Refused, ask, path_of
from ..content import as_text, word_changes
from ..figures import score
from ..links import compare_link, run_link, trace_link
from ..render import page
from ..routing import ScreenRoute
from ..session import key_of

router = APIRouter(route_class=ScreenRoute, include_in_schema=False)

_COMPARED = 8
"""Trials of each run whose words are compared."""
_PREVIEW = 20_000
"""Characters of each output that are shown and compared; the trace has all."""


@router.get("/ui/item")
async def item(request: Request) -> Response:
    """`key` is the item's key, each `run` an experiment; outputs are compared with the first run's first."""
    key, runs = request.query_params.get("key", ""), list(dict.fromkeys(request.query_params.getlist("run")))
    query = [("experiment", run) for run in runs]
    call = Call(path_of("api", "stats", "v1", "items", key), [*query, ("preview_length", _PREVIEW)])
    if not key or not runs:
        raise Refused(call, 404, "No item was named")
    answer = await ask(request, key_of(request) or "", call)
    return page(
        request,
        "item.html",
        calls=(call,),
        as_of=answer.get("as_of"),
        runs=runs,
        compare_link=compare_link(runs[0], runs[1:]),
        input=as_text(answer["input"]),
        target=as_text(answer["target"]),
        experiments=await asyncio.to_thread(_runs, answer["experiments"]),
    )


def _runs(experiments: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each run with its trials; the first ones of all but the first run are compared with what that says first."""
    before = as_text(next((t["output"] for run in experiments for t in run["trials"]), None))
    return [_run(run, None if i == 0 else before) for i, run in enumerate(experiments)]


def _run(run: dict[str, Any], before: str | None) -> dict[str, Any]:
    experiment_id = run["experiment_id"]
    trials = enumerate(run["trials"])
    shown = [_trial(t, experiment_id, before if number < _COMPARED else None) for number, t in trials]
    return {**run, "link": run_link(experiment_id), "trials": shown}


def _trial(trial: dict[str, Any], experiment_id: str, before: str | None) -> dict[str, Any]:
    output = as_text(trial["output"])
    scores = {name: _scores(value) for name, value in trial["scores"].items()}
    passages = [("same", output)] if before is None else word_changes(before, output)
    return {**trial, "link": trace_link(experiment_id, trial["trace_id"]), "passages": passages, "shown_scores": scores}


def _scores(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_scores(v) for v in value)
    if value is None:
        return "text"
    return score(value)
