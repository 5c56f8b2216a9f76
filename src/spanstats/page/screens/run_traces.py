"""The traces of a run to look at: the slowest, the most expensive, the worst, the failed, the newest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..calls import Call
from ..conditions import Condition, filters_of
from ..content import first_line
from ..links import trace_link
from ..parts import Part, part
from .run_choices import Choices, run_path, scores_of

_LIMIT = 8
_PREVIEW = 300


@dataclass(frozen=True, slots=True)
class TraceList:
    """An order of the interface, and a condition beside those of the page."""

    sort_by: str
    conditions: Sequence[Condition] = ()


_LISTS = {
    "slowest": TraceList("-latency"),
    "most_expensive": TraceList("-cost"),
    "failed": TraceList("-start_time", (Condition("status", "=", "error"),)),
    "newest": TraceList("-start_time"),
}


def lists_of(whole: dict[str, Any], choices: Choices) -> dict[str, TraceList]:
    """The lists that a run has: one has a worst trace by its first score only if it has scores that are numbers."""
    scores = scores_of(whole, choices)
    return _LISTS | ({"worst": TraceList(scores[0])} if scores else {})


def traces_part(choices: Choices, whole: dict[str, Any]) -> Part:
    """The first traces of the list that is chosen."""
    lists = lists_of(whole, choices)
    name = choices.listed if choices.listed in lists else "slowest"
    chosen, scores = lists[name], scores_of(whole, choices)[:1]
    body: dict[str, Any] = {"sort_by": chosen.sort_by, "limit": _LIMIT, "preview_length": _PREVIEW}
    if conditions := [*choices.conditions, *chosen.conditions]:
        body["filters"] = filters_of(conditions)
    return part(
        Call(f"{run_path(choices.run_id)}/traces", body=body),
        lambda answer: {
            "name": name,
            "scores": scores,
            "rows": [_row(trace, choices.run_id, scores) for trace in answer["traces"]],
        },
    )


def _row(trace: dict[str, Any], run_id: str, scores: Sequence[str]) -> dict[str, Any]:
    return {
        **trace,
        "link": trace_link(run_id, trace["trace_id"]),
        "shown": first_line(trace.get("input")) or trace["name"] or trace["trace_id"],
        "shown_scores": [next(iter(trace["scores"].get(name.removeprefix("scores."), ())), None) for name in scores],
    }
