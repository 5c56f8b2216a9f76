"""A histogram answer as a chart with its table."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from ..charts.distribution import distribution, value_counts
from ..figures import counted, measure_name, measured, short

_FEW = 11
"""Different values that have a bar each; more of them are put into bins."""


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
    of_arms = [f"{name}, {counted(arm['count'], 'value')}" for name, arm in zip(names, arms, strict=False)]
    sentence = f"Distribution of {label}: {', '.join(of_arms)}"
    values = answer.get("values")
    if values is not None and len(values) <= _FEW:
        names_of_values = [short(v["value"], unit) for v in values]
        per_arm = list(zip(*(v["counts"] for v in values), strict=True))
        return Spread(value_counts(names_of_values, per_arm, sentence), _rows(names_of_values, per_arm), missing)
    edges, counts = answer["edges"], [arm["counts"] for arm in arms]
    labels = [f"{measured(a, unit)} to {measured(b, unit)}" for a, b in pairwise(edges)]
    return Spread(distribution(edges, counts, unit, sentence), _rows(labels, counts), missing)


def _rows(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> list[tuple[str, list[int]]]:
    return [(label, list(of_label)) for label, *of_label in zip(labels, *counts, strict=True)]
