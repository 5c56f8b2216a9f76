"""What can be measured of a trace, and how it can be aggregated, as data: a measure is one row."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from ..domain.values import NANO
from ..errors import InvalidInput, Problem, invalid
from ..stats.named_measures import LLM_CALL_COUNT, NAMED, SPAN_COUNT

MAX_MEASURES = 20
MAX_PERCENTILES = 10

SCORES = "scores."
"""What comes before the id, slug or name of an evaluator."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A number of a trace: stored whole in `column`, `per_unit` of which make one `unit` of the answer.

    A measure of an evaluator's scores has the evaluator's `keys` instead of a column. `trace_only` ones are not known
    of a single span.
    """

    name: str
    unit: str | None
    per_unit: int
    column: str | None = None
    keys: frozenset[str] = frozenset()
    trace_only: bool = False

    @property
    def is_score(self) -> bool:
        """Whether it is the scores of an evaluator."""
        return self.column is None


ERROR = "error"
_TRACE_ONLY = (SPAN_COUNT, LLM_CALL_COUNT)

OPERATIONAL = {
    measure.name: measure
    for measure in (
        *(Measure(m.name, m.unit, m.per_unit, m.column, trace_only=m.name in _TRACE_ONLY) for m in NAMED.values()),
        Measure(ERROR, None, 1, ERROR),
    )
}
"""Every measure that is no score. `error` is 1 where the trace failed, else 0."""

DEFAULT = tuple(name for name, measure in OPERATIONAL.items() if not measure.trace_only)
"""What is answered where no measures are named, besides all scores."""

AGGREGATES = ("count", "missing", "sum", "mean", "std_dev", "min", "max")
DEFAULT_AGGREGATES = ("sum", "mean", "std_dev")
"""Of a measure that is named without an aggregate: what rollups can answer."""

_PERCENTILE = re.compile(r"p(100|[1-9]?[0-9])(?:\.([0-9]{1,3}))?")
_AGGREGATE = re.compile(rf"(.+?)\.({'|'.join(AGGREGATES)}|{_PERCENTILE.pattern})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class MeasureSpec:
    """A measure with the aggregates that are wanted of it, and percentiles by their names (`p95` is 19/20)."""

    measure: Measure
    aggregates: tuple[str, ...] = ()
    percentiles: dict[str, Fraction] = field(default_factory=dict)

    def joined(self, other: "MeasureSpec") -> "MeasureSpec":
        """All that either asks for."""
        both = dict.fromkeys((*self.aggregates, *other.aggregates))
        return replace(self, aggregates=tuple(both), percentiles=self.percentiles | other.percentiles)


def percentile(name: str) -> Fraction | None:
    """`p99.9` as 999/1000: 0 to 100 with at most three decimals; `None` for anything else."""
    match = _PERCENTILE.fullmatch(name)
    if match is None:
        return None
    percent = Fraction(f"{match[1]}.{match[2] or 0}")
    return percent / 100 if percent <= 100 else None


@dataclass(frozen=True, slots=True)
class MeasureName:
    """A measure as a client names it, taken apart: `latency.p95`, `scores.quality.mean`, `cost`.

    `score` is the evaluator's id, slug or name; without an aggregate the default ones are meant.
    """

    name: str
    score: str | None
    aggregate: str | None


def parse_name(text: str) -> MeasureName:
    """The measure and the aggregate of a name: the last part is the aggregate where it is called like one.

    So `scores.a.mean` is the mean of the evaluator `a`, and an evaluator called `a.mean` needs an aggregate behind it.
    """
    match = _AGGREGATE.fullmatch(text)
    has_aggregate = match is not None and match[1] != SCORES[:-1]
    name, aggregate = (match[1], match[2]) if match is not None and has_aggregate else (text, None)
    score = name.removeprefix(SCORES) if name.startswith(SCORES) else None
    return MeasureName(name, score, aggregate)


def measure_specs(
    names: Sequence[MeasureName], keys: dict[str, frozenset[str]], at: str = "measures"
) -> list[MeasureSpec]:
    """The measures in the order in which they are first named, each once.

    `keys` are the evaluators that have each name. Raises `InvalidInput` with every name that is none, located at
    `at`, and for more than `MAX_MEASURES` or `MAX_PERCENTILES`.
    """
    problems = [Problem((at,), message, "unknown_measure") for n in names if (message := _unknown(n, keys)) is not None]
    if problems:
        raise InvalidInput(problems)
    by_name: dict[str, MeasureSpec] = {}
    for one in names:
        new = _spec(one, keys)
        by_name[one.name] = by_name[one.name].joined(new) if one.name in by_name else new
    check_size(by_name.values(), at)
    return list(by_name.values())


def check_size(measures: Iterable[MeasureSpec], at: str = "measures") -> None:
    """Raises `InvalidInput` for more measures or percentiles than one request may ask for."""
    every = list(measures)
    if len(every) > MAX_MEASURES:
        raise invalid(f"must name at most {MAX_MEASURES} measures", at, code="too_long")
    if len({name for one in every for name in one.percentiles}) > MAX_PERCENTILES:
        raise invalid(f"must name at most {MAX_PERCENTILES} percentiles", at, code="too_long")


def score_measure(name: str, keys: frozenset[str]) -> Measure:
    """The scores of these evaluators."""
    return Measure(name, None, NANO, keys=keys)


def _unknown(one: MeasureName, keys: dict[str, frozenset[str]]) -> str | None:
    if one.score is not None:
        return None if one.score in keys else f"no evaluator is called {one.score[:100]!r}"
    if one.name in OPERATIONAL:
        return None
    return f"unknown measure {one.name[:100]!r}; known are {', '.join(OPERATIONAL)} and scores.<evaluator>"


def _spec(one: MeasureName, keys: dict[str, frozenset[str]]) -> MeasureSpec:
    measure = OPERATIONAL[one.name] if one.score is None else score_measure(one.name, keys[one.score])
    if one.aggregate is None:
        return MeasureSpec(measure, DEFAULT_AGGREGATES)
    fraction = percentile(one.aggregate)
    if fraction is None:
        return MeasureSpec(measure, (one.aggregate,))
    return MeasureSpec(measure, (), {one.aggregate: fraction})
