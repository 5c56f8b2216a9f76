"""The measures of a comparison as rows of a table, in the groups of their verdicts."""

from collections.abc import Sequence
from typing import Any

from ..charts.intervals import interval
from ..figures import change, measure_name


def chosen_measure(arms: Sequence[dict[str, Any]], of: int, preferred: str | None) -> str | None:
    """The named measure, else the first of the candidate `of` that got worse, else that got better, else the first.

    The arms are as `arm_of` makes them: scores come before other measures.
    """
    if any(preferred == m["name"] for arm in arms for m in arm["measures"] if m["kind"] != "text"):
        return preferred
    measures = [m for m in arms[of]["measures"] if m["kind"] != "text"]
    by_verdict = [m["name"] for verdict in ("worse", "better") for m in measures if m["verdict"] == verdict]
    return next(iter([*by_verdict, *(m["name"] for m in measures)]), None)


def shown_items(arm: dict[str, Any], measure: str | None) -> str:
    """Which items of the measure to show: the worse, else the better, else the equal ones."""
    paired = next((m["paired"] for m in arm["measures"] if m["name"] == measure), _ABSENT)
    return next((kind for kind in ("worsened", "improved", "equal") if paired[kind]), "all")


def arm_of(arm: dict[str, Any]) -> dict[str, Any]:
    """A candidate with its measures: scores first, those without values in both runs apart."""
    unchanged = arm["verdicts"]["unchanged"]["measures"]
    every = {name: _measure(name, m, is_same=name in unchanged) for name, m in arm["measures"].items()}
    unknown = arm["verdicts"]["unknown"]["measures"]
    with_values = [m for name, m in every.items() if name not in unknown]
    return {
        **arm,
        "measures": [*(m for m in with_values if m["is_score"]), *(m for m in with_values if not m["is_score"])],
        "groups": {group: _group(of_verdict, every) for group, of_verdict in arm["verdicts"].items()},
    }


def _group(of_verdict: dict[str, Any], every: dict[str, Any]) -> dict[str, Any]:
    """How many measures the group has, and which."""
    return {"count": of_verdict["count"], "measures": [every[name] for name in of_verdict["measures"]]}


def overview_of(arms: Sequence[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any] | None]]]:
    """Each measure that is a number by its label, with what every candidate says of it."""
    labels = {m["name"]: m["label"] for arm in arms for m in arm["measures"] if m["kind"] != "text"}
    by_arm = [{m["name"]: m for m in arm["measures"]} for arm in arms]
    return [(label, [by_name.get(name) for by_name in by_arm]) for name, label in labels.items()]


_ABSENT = {
    **dict.fromkeys(("base_mean", "candidate_mean", "relative", "improved", "difference", "low", "high", "margin")),
    **dict.fromkeys(("p_adjusted", "smallest_detectable", "items", "equal", "worsened")),
    "verdict": "insufficient",
}
"""What an unpaired measure, or one without values, does not have."""


def _measure(name: str, m: dict[str, Any], *, is_same: bool) -> dict[str, Any]:
    """A measure as the template shows it; `is_same`: no item differs, though more of them might."""
    paired = _ABSENT | (m.get("paired") or m.get("unpaired") or {})
    unit, verdict = m.get("unit"), paired["verdict"]
    difference, low, high, margin = (paired[part] for part in ("difference", "low", "high", "margin"))
    label = measure_name(name)
    has_interval = low is not None and high is not None
    between = f", between {change(low, unit)} and {change(high, unit)}" if has_interval else ""
    sentence = f"{label}: {change(difference, unit)}{between}"
    band = margin if isinstance(margin, float) else None
    return {
        **m,
        "name": name,
        "label": label,
        "is_score": name.startswith("scores."),
        "is_same": is_same,
        "paired": paired,
        "verdict": verdict,
        "sentence": sentence,
        "interval": interval(difference, low, high, verdict, f"{sentence}; {verdict}", band),
    }
