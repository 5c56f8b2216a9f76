"""Corrections for many tests at once: the more tests, the likelier that one of them is significant by chance."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

Correct: TypeAlias = Callable[[Sequence[float]], list[float]]


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down: bounds the chance of any false alarm among all tests."""
    adjusted, largest, left = [0.0] * len(p_values), 0.0, len(p_values)
    for i in sorted(range(len(p_values)), key=p_values.__getitem__):
        largest = max(largest, min(1.0, p_values[i] * left))
        adjusted[i], left = largest, left - 1
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's step-up: bounds the share of false alarms among the alarms."""
    n = len(p_values)
    adjusted, smallest = [0.0] * n, 1.0
    ranked = sorted(range(n), key=p_values.__getitem__)
    for rank in range(n, 0, -1):
        i = ranked[rank - 1]
        smallest = min(smallest, p_values[i] * n / rank)
        adjusted[i] = smallest
    return adjusted


CORRECTIONS: Mapping[str, Correct] = {"holm": holm, "bh": benjamini_hochberg, "none": list}
"""By the names that a request may use."""
