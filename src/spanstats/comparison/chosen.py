"""Which measures a comparison has, and which of them its directions and margins mean."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ..errors import invalid
from .measures import NUMBERS, OPERATIONAL, SCORES, Measure, Number, Scores
from .request import MOST_MEASURES, Margin, Request
from .totals import Totals

EvaluatorKeys = Mapping[str, Collection[str]]
"""The keys of the evaluators that have each name."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Measures with numbers, each with its margin; those of text; how many were left out."""

    measures: list[Measure]
    margins: list[Margin | None]
    texts: list[Scores]
    left_out: int


def score_names(request: Request) -> set[str]:
    """What evaluators are called in the request."""
    names = {*(request.measures or ()), *request.better, *request.margins}
    return {name.removeprefix(SCORES) for name in names if name.startswith(SCORES)}


def choose(request: Request, totals: Sequence[Totals], evaluators: EvaluatorKeys) -> Chosen:
    """The measures of the request that the arms have. Raises `InvalidInput` naming what is unknown."""
    keys = sorted({key for arm in totals for key in arm.sums[1]})
    every, left_out = _measures(request, keys, evaluators)
    by_identity = {_identity(measure): index for index, measure in enumerate(every)}
    for name, higher in request.better.items():
        index = _index(name, "better", keys, evaluators, by_identity)
        every[index] = replace(every[index], higher_is_better=higher)
    margins: dict[str, Margin] = {}
    for name, margin in request.margins.items():
        margins[_identity(every[_index(name, "margins", keys, evaluators, by_identity)])] = margin
    texts = [m for m in every if isinstance(m, Scores) and all(arm.is_text(m.key) for arm in totals)]
    measures = [m for m in every if m not in texts]
    return Chosen(measures, [margins.get(_identity(m)) for m in measures], texts, left_out)


def _identity(measure: Measure) -> str:
    return measure.name if isinstance(measure, Number) else f"{SCORES}{measure.key}"


def _measures(request: Request, keys: Sequence[str], evaluators: EvaluatorKeys) -> tuple[list[Measure], int]:
    """The measures of the request, each once, else all that the arms have up to a limit; how many are left out."""
    if request.measures is not None:
        measures = [
            _measure_of_name(name, keys, evaluators, ("measures", i)) for i, name in enumerate(request.measures)
        ]
        return list({_identity(measure): measure for measure in measures}.values()), 0
    every: list[Measure] = [*OPERATIONAL, *(Scores(f"{SCORES}{key}", key) for key in keys)]
    return every[:MOST_MEASURES], max(0, len(every) - MOST_MEASURES)


def _measure_of_name(name: str, keys: Sequence[str], evaluators: EvaluatorKeys, at: tuple[str | int, ...]) -> Measure:
    if name in NUMBERS:
        return NUMBERS[name]
    if not name.startswith(SCORES):
        numbers = ", ".join(NUMBERS)
        raise invalid(f"{name} is not one of {numbers}, scores.<name>", "body", *at, code="unknown_measure")
    evaluator = name.removeprefix(SCORES)
    evaluator_keys = sorted(evaluators.get(evaluator, ()))
    here = [key for key in evaluator_keys if key in keys]
    if not evaluator_keys:
        raise invalid(f"there is no evaluator {evaluator}", "body", *at, code="unknown_measure")
    return Scores(name, (here or evaluator_keys)[0])


def _index(name: str, field: str, keys: Sequence[str], evaluators: EvaluatorKeys, indexes: Mapping[str, int]) -> int:
    """The index of the measure among the compared ones: a margin must not be lost silently."""
    index = indexes.get(_identity(_measure_of_name(name, keys, evaluators, (field, name))))
    if index is None:
        raise invalid(f"{name} is not compared: neither arm has it, or `measures` leaves it out", "body", field, name)
    return index
