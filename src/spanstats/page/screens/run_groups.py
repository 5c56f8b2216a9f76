"""A run's traces or spans by a field or a metadata key: what each group cost, and how fast it was."""

from typing import Any

from ..calls import Call
from ..charts.bars import share_bars
from ..figures import measured
from ..parts import Part, part
from .run_choices import Choices, run_path

_LIMIT = 12
_MEASURES = ("cost.sum", "total_tokens.sum", "latency.mean")
_MAX_TRACES_BY_SPAN = 20_000
"""In a larger run with a filter the model is that of the trace: to read the spans of what matches takes seconds."""
_ADVICE = "group by a field of traces, such as name, or add a condition to the filter, such as on timestamp"


def groups_part(choices: Choices, traces: int) -> Part:
    """The most expensive groups; `traces` is how many the whole run has."""
    by = choices.by or "model"
    body = {**choices.filtered, "group_by": [by], "limit": _LIMIT, "measures": _MEASURES, "order_by": "-cost.sum"}
    if by == "model" and choices.conditions and traces > _MAX_TRACES_BY_SPAN:
        body["unit"] = "trace"
    call = Call(f"{run_path(choices.run_id)}/breakdown", body=body)
    return part(call, lambda answer: _groups(answer, by), advice=_ADVICE)


def _groups(answer: dict[str, Any], by: str) -> dict[str, Any]:
    labels = ["several" if row["key"].get("several") else row["key"].get(by) for row in answer["groups"]]
    costs = [(row.get("cost") or {}).get("sum") for row in answer["groups"]]
    bars = share_bars(costs, [f"{label}: {measured(cost, 'USD')}" for label, cost in zip(labels, costs, strict=True)])
    rows = zip(answer["groups"], labels, bars, strict=True)
    return {**answer, "by": by, "rows": [{**row, "label": label, "bar": bar} for row, label, bar in rows]}
