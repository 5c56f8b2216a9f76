"""One run: its figures and what is missing behind each, how they are spread, and which traces to look at."""

from typing import Any

from fastapi import APIRouter, Request, Response

from ..calls import Call, Refused, ask
from ..conditions import FIELDS, OPERATORS, rows_of
from ..parts import Parts
from ..render import page
from ..routing import ScreenRoute
from ..session import key_of, root_of
from ..streaming import page_of_parts
from .refused import problems_of
from .run_choices import GROUPS, Choices, choices_of, run_path
from .run_parts import parts_of, spread_names
from .run_traces import lists_of

router = APIRouter(route_class=ScreenRoute, include_in_schema=False)


@router.get("/ui/run")
async def run(request: Request) -> Response:
    """`id` names the run; `f`, `op`, `v` filter its traces; `by` groups them; `list` chooses the traces below."""
    choices, key = choices_of(request), key_of(request) or ""
    whole_call = Call(run_path(choices.run_id), {"skip_preparing": "true"})
    if not choices.run_id:
        raise Refused(whole_call, 404, "No run was named")
    whole = await ask(request, key, whole_call)
    if whole["traces"] is None:
        return page(request, "run_preparing.html", calls=(whole_call,), whole=whole, **_heading(whole))
    if not whole["traces"]:
        return page(request, "run_empty.html", calls=(whole_call,), **_heading(whole))
    parts = Parts(request, key, parts_of(choices, whole), before=(whole_call,))
    context = _heading(whole) | _context(request, choices, whole)
    try:
        return await page_of_parts(request, "run.html", parts, **context)
    except Refused as refused:
        if refused.status != 400:
            raise
        problems = problems_of(refused, choices.conditions)
        return page(request, "run_refused.html", 400, calls=(refused.call,), problems=problems, **context)


def _context(request: Request, choices: Choices, whole: dict[str, Any]) -> dict[str, Any]:
    return {
        "preparing": whole["preparing"],
        "choices": choices,
        "conditions": choices.conditions,
        "scores": [name for name in whole["measures"] if name.startswith("scores.")],
        "spread_names": spread_names(whole, choices),
        "group_names": GROUPS,
        "lists": lists_of(whole, choices),
        "filter_rows": rows_of(request, choices.conditions),
        "fields": FIELDS,
        "operators": OPERATORS,
        "hidden_fields": choices.hidden_fields,
        "action": f"{root_of(request)}/ui/run",
        "link": lambda **changed: f"{root_of(request)}{choices.link(**changed)}",
        "without": lambda i: f"{root_of(request)}{choices.without(i).link()}",
    }


def _heading(whole: dict[str, Any]) -> dict[str, Any]:
    run = whole["experiment"]
    return {"as_of": whole["as_of"], "run": run, "name": run.get("run_name") or run.get("name") or run["id"]}
