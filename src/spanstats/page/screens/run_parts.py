"""The parts of a run's screen: which calls they make, and what they show of the answers."""

from collections.abc import Sequence
from typing import Any

from ..calls import Call
from ..charts.distribution import counts_over_time
from ..charts.dumbbell import dumbbell
from ..figures import measure_name, measured, moment
from ..parts import Part, part
from .no_match import no_match_part
from .run_choices import Choices, run_path, scores_of
from .run_groups import groups_part
from .run_traces import traces_part
from .spread import spread

_PERCENTILES = ("p50", "p95", "p99")
_TIMES = ("latency", "ttft")
_MAX_SCORES = 4
"""Scores whose spread is drawn."""


def parts_of(choices: Choices, whole: dict[str, Any]) -> dict[str, Part]:
    """The parts by name; `whole` are the figures of all traces of the run."""
    path, filtered = run_path(choices.run_id), choices.filtered
    of_match = part(Call(path, body=filtered), lambda figures: figures)
    measures = [f"{name}.{p}" for name in _TIMES for p in _PERCENTILES]
    return {
        "figures": of_match if choices.conditions else Part(lambda _: (), lambda: whole),
        "no_match": no_match_part(choices),
        **{name: _spread_part(choices, name) for name in spread_names(whole, choices)},
        "percentiles": part(Call(path, body={**filtered, "measures": measures}), _percentiles),
        "series": part(Call(f"{path}/series", body={**filtered, "measures": ["cost.sum", "latency.mean"]}), _series),
        "keys": part(Call(f"{path}/keys"), lambda answer: answer),
        "groups": groups_part(choices, whole["traces"]),
        "traces": traces_part(choices, whole),
    }


def spread_names(whole: dict[str, Any], choices: Choices) -> list[str]:
    """The measures whose spread is drawn: scores that have numbers, and latency."""
    return [*scores_of(whole, choices)[:_MAX_SCORES], "latency"]


def _spread_part(choices: Choices, measure: str) -> Part:
    body = {**choices.filtered, "measure": measure, "bins": 20}
    return part(
        Call(f"{run_path(choices.run_id)}/histogram", body=body), lambda answer: spread(answer, [choices.run_id])
    )


def _percentiles(answer: dict[str, Any]) -> Any:
    measures = answer["measures"]
    rows = [
        (measure_name(name), [measures[name].get(p) for p in _PERCENTILES])
        for name in _TIMES
        if measures[name]["count"]
    ]
    if not rows:
        return None
    sentence = "; ".join(f"{name}: {_named(values)}" for name, values in rows)
    return {"svg": dumbbell(rows, "s", sentence), "rows": rows, "names": _PERCENTILES}


def _named(values: Sequence[float | None]) -> str:
    return ", ".join(f"{name} {measured(value, 's')}" for name, value in zip(_PERCENTILES, values, strict=True))


def _series(answer: dict[str, Any]) -> Any:
    points = answer["points"]
    if len(points) < 2:
        return None
    counts = [(moment(p["start"]), p["count"]) for p in points]
    sentence = f"Traces by {answer['granularity']} from {counts[0][0]} to {counts[-1][0]}"
    return {"svg": counts_over_time(counts, sentence), "granularity": answer["granularity"], "points": points}
