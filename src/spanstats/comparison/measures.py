"""What can be compared, as data: a measure is one row here."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..columnar.format import FAILED
from ..domain.values import NANO
from ..stats.measures import MEASURES
from ..stats.named_measures import LLM_CALL_COUNT, NAMED, SPAN_COUNT, NamedMeasure

SCORES = "scores."
"""What names of scores begin with; the evaluator's id, slug or name follows."""


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number of each trace: `sql` over a row of `traces`, `one` of which make one `unit`.

    `column` has it among the columns of `columnar/`. `summed` is the aggregate of summaries that adds it up, `None`
    where they do not.
    """

    name: str
    column: str
    one: int = 1
    unit: str | None = None
    nullable: bool = False
    higher_is_better: bool = False
    boolean: bool = False
    summed: str | None = None

    @property
    def sql(self) -> str:
        return _SQL.get(self.column, self.column)

    @property
    def kind(self) -> str:
        return "boolean" if self.boolean else "number"


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of one evaluator, in billionths."""

    name: str
    key: str
    higher_is_better: bool = True
    one: int = NANO
    unit: str | None = None
    nullable: bool = True


Measure = Number | Scores

_SQL = {FAILED: "(status = 'error')::int"}
_MORE_IS_BETTER = ("tps",)


def _summed(measure: NamedMeasure, *, nullable: bool) -> Number:
    return Number(
        measure.name,
        measure.column,
        measure.per_unit,
        measure.unit,
        nullable=nullable,
        higher_is_better=measure.name in _MORE_IS_BETTER,
        summed=measure.column,
    )


_NULLABLE = {measure.column: measure.nullable for measure in MEASURES}
OPERATIONAL = (
    *(_summed(m, nullable=_NULLABLE[m.column]) for m in NAMED.values() if m.column in _NULLABLE),
    Number("error", FAILED, boolean=True, summed="n_errors"),
)
"""What is compared where a request names no measures, beside all scores."""

NUMBERS: Mapping[str, Number] = {
    number.name: number
    for number in (*OPERATIONAL, *(Number(name, NAMED[name].column) for name in (SPAN_COUNT, LLM_CALL_COUNT)))
}
"""By name."""

COLUMNS_OF_TRACES = ("status", *(measure.column for measure in NAMED.values()))
"""What the numbers are made of."""
