"""Runs against a base: verdicts, every measure with its interval, the spread of one measure, and its items."""

from typing import Any

from fastapi import APIRouter, Request, Response

from ..calls import Refused
from ..conditions import FIELDS, OPERATORS, rows_of
from ..links import run_link
from ..parts import Parts
from ..render import page
from ..routing import ScreenRoute
from ..session import key_of, root_of
from ..streaming import page_of_parts
from .compare_choices import PAIRINGS, SHOWN, Choices, choices_of
from .compare_parts import parts_of
from .refused import problems_of

router = APIRouter(route_class=ScreenRoute, include_in_schema=False)


@router.get("/ui/compare")
async def compare(request: Request) -> Response:
    """`base` and `candidate`s; or `run`s, the last of which is the base. `measure` and `show` choose the items."""
    choices = choices_of(request)
    if not choices.candidates:
        return page(request, "compare_one.html")
    parts = Parts(request, key_of(request) or "", parts_of(choices))
    context = _context(request, choices)
    try:
        return await page_of_parts(request, "compare.html", parts, **context)
    except Refused as refused:
        if refused.status != 400:
            raise
        return page(
            request,
            "compare_refused.html",
            400,
            calls=(refused.call,),
            problems=problems_of(refused, choices.conditions),
            **context,
        )


def _context(request: Request, choices: Choices) -> dict[str, Any]:
    return {
        "choices": choices,
        "names": choices.names,
        "row_names": [choices.base, choices.candidates[choices.of]],
        "shown": SHOWN,
        "pairings": PAIRINGS,
        "link": lambda **changed: f"{root_of(request)}{choices.link(**changed)}",
        "without": lambda index: f"{root_of(request)}{choices.without(index)}",
        "swapped": f"{root_of(request)}{choices.swapped}",
        "run_link": run_link,
        "filter_rows": rows_of(request, choices.conditions),
        "fields": FIELDS,
        "operators": OPERATORS,
        "hidden_fields": choices.hidden_fields,
        "action": f"{root_of(request)}/ui/compare",
    }
