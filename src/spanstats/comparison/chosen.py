"""Which measures a comparison has, and which of them its directions and margins mean."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ..errors import InvalidInput, Problem, invalid
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
    named = {*(request.measures or ()), *request.better, *request.margins}
    return {name.removeprefix(SCORES) for name in named if name.startswith(SCORES)}


def choose(request: Request, totals: Sequence[Totals], evaluators: EvaluatorKeys) -> Chosen:
    """The measures of the request that the arms have. Raises `InvalidInput` naming what is unknown."""
    keys = sorted({key for arm in totals for key in arm.sums[1]})
    if request.measures is None:
        wanted: list[Measure] = [*OPERATIONAL, *(Scores(f"{SCORES}{key}", key) for key in keys)]
        left_out = max(0, len(wanted) - MOST_MEASURES)
        wanted = wanted[:MOST_MEASURES]
    else:
        wanted = [_named(name, keys, evaluators, ("measures", i)) for i, name in enumerate(request.measures)]
        left_out = 0
    wanted = list({_identity(measure): measure for measure in wanted}.values())
    by_identity = {_identity(measure): index for index, measure in enumerate(wanted)}
    for name, higher in request.better.items():
        index = _index(name, "better", keys, evaluators, by_identity)
        wanted[index] = replace(wanted[index], higher_is_better=higher)
    margins: dict[str, Margin] = {}
    for name, margin in request.margins.items():
        margins[_identity(wanted[_index(name, "margins", keys, evaluators, by_identity)])] = margin
    texts = [m for m in wanted if isinstance(m, Scores) and all(arm.is_text(m.key) for arm in totals)]
    measures = [m for m in wanted if m not in texts]
    return Chosen(measures, [margins.get(_identity(m)) for m in measures], texts, left_out)


def _identity(measure: Measure) -> str:
    return measure.name if isinstance(measure, Number) else f"{SCORES}{measure.key}"


def _named(name: str, keys: Sequence[str], evaluators: EvaluatorKeys, at: tuple[str | int, ...]) -> Measure:
    if name in NUMBERS:
        return NUMBERS[name]
    if not name.startswith(SCORES):
        known = ", ".join(NUMBERS)
        raise InvalidInput([Problem(("body", *at), f"{name} is not one of {known}, scores.<name>", "unknown_measure")])
    called = name.removeprefix(SCORES)
    found = sorted(evaluators.get(called, ()))
    here = [key for key in found if key in keys]
    if not found:
        raise InvalidInput([Problem(("body", *at), f"there is no evaluator {called}", "unknown_measure")])
    return Scores(name, (here or found)[0])


def _index(name: str, field: str, keys: Sequence[str], evaluators: EvaluatorKeys, indexes: Mapping[str, int]) -> int:
    """The index of the measure among the compared ones: a margin must not be lost silently."""
    index = indexes.get(_identity(_named(name, keys, evaluators, (field, name))))
    if index is None:
        raise invalid(f"{name} is not compared: neither arm has it, or `measures` leaves it out", "body", field, name)
    return index
