"""A histogram answer as a chart with its table."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from ..charts.distribution import distribution, spikes, value_counts
from ..figures import measure_name, measured, whole

_FEW = 11
"""Different values that are told apart by a bar each; more of them are points on a scale."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The chart, and the same counts as rows: a label and the counts of each arm."""

    chart: Markup
    rows: list[tuple[str, list[int]]]
    missing: list[int]


def spread(answer: dict[str, Any], names: Sequence[str]) -> Spread | None:
    """The values of a measure in one arm or several; `None` where there are none."""
    arms = answer["arms"]
    if not any(arm["count"] for arm in arms):
        return None
    unit, missing = answer.get("unit"), [arm["missing"] for arm in arms]
    label = measure_name(answer["measure"])
    sentence = f"How {label} is spread: " + ", ".join(
        f"{name}, {whole(arm['count'])} values" for name, arm in zip(names, arms, strict=False)
    )
    listed = _listed(answer)
    if listed is not None:
        values, per_arm = listed
        names_of_values = [measured(v, unit) for v in values]
        few = len(values) <= _FEW
        chart = value_counts(names_of_values, per_arm, sentence) if few else spikes(values, per_arm, unit, sentence)
        return Spread(chart, _rows(names_of_values, per_arm), missing)
    edges, counts = answer["edges"], [arm["counts"] for arm in arms]
    labels = [f"{measured(a, unit)} to {measured(b, unit)}" for a, b in pairwise(edges)]
    return Spread(distribution(edges, counts, unit, sentence), _rows(labels, counts), missing)


def _listed(answer: dict[str, Any]) -> tuple[list[float], list[list[int]]] | None:
    """The different values and how many of each an arm has, where the interface lists them."""
    if answer.get("values") is not None:
        values = [entry["value"] for entry in answer["values"]]
        per_arm = [entry["count"] for entry in answer["values"]]
        columns = [c if isinstance(c, list) else [c] for c in per_arm]
        return values, [list(counts) for counts in zip(*columns, strict=True)]
    return None


def _rows(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> list[tuple[str, list[int]]]:
    return [(label, [c[i] for c in counts]) for i, label in enumerate(labels)]
