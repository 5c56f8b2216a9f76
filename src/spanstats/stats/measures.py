"""What is summed over traces, as data: a measure is one row here, and everything that sums is built from the rows."""

from dataclasses import dataclass, field
from enum import Enum


@dataclass(frozen=True, slots=True)
class Measure:
    """`column` of `traces` is summed; where it may be null, the traces that have it are counted for the mean."""

    column: str
    nullable: bool = False


MEASURES = (
    Measure("cost_pd", nullable=True),
    Measure("prompt_tokens"),
    Measure("completion_tokens"),
    Measure("total_tokens"),
    Measure("latency_us", nullable=True),
    Measure("tps", nullable=True),
    Measure("ttft_us", nullable=True),
)


class How(Enum):
    """How the values of a measure are aggregated. Every reader of aggregates has a table of its own by this."""

    SUM = "sum"
    COUNT = "count"
    MIN = "min"
    MAX = "max"
    SQUARES = "sum of squares"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A number over any set of rows (`sql`), and how the numbers of disjoint sets make that of their union (`join`).

    An aggregate of a measure names that measure and how it is aggregated.
    """

    name: str
    sql: str
    join: str = "sum({})"
    measure: str | None = field(default=None, kw_only=True)
    how: How | None = field(default=None, kw_only=True)

    @property
    def joined(self) -> str:
        """SQL over rows that each hold this aggregate of a set."""
        return self.join.format(self.name)

    @property
    def is_additive(self) -> bool:
        """Whether that of a part can be subtracted from that of the whole: an extreme cannot."""
        return self.how not in (How.MIN, How.MAX)


COUNT_OR_ZERO = "coalesce(sum({}), 0)"

_IF_KNOWN = "CASE WHEN bool_or({0} IS NULL) THEN NULL ELSE sum({0}) END"
"""Of numbers that rows lack which an earlier version of the program wrote."""


def _of_measure(m: Measure) -> list[Aggregate]:
    aggregates = [Aggregate(m.column, f"sum({m.column})", measure=m.column, how=How.SUM)]
    if m.nullable:
        # To count the few that have none is faster than to count the others.
        counted = f"count(*) - count(*) FILTER (WHERE {m.column} IS NULL)"
        aggregates.append(Aggregate(f"n_{m.column}", counted, join=COUNT_OR_ZERO, measure=m.column, how=How.COUNT))
    return aggregates


def _details_of(m: Measure) -> list[Aggregate]:
    squares = f"sum({m.column}::numeric * {m.column})"
    return [
        _extreme(m.column, How.MIN),
        _extreme(m.column, How.MAX),
        Aggregate(f"squares_{m.column}", squares, measure=m.column, how=How.SQUARES),
    ]


def _extreme(column: str, how: How) -> Aggregate:
    end = how.value
    return Aggregate(f"{end}_{column}", f"{end}({column})", f"{end}({{}})", measure=column, how=how)


COST_PARTIAL = "n_cost_partial"
"""The name of how many traces have a cost that leaves out a span without a price."""

IS_COST_PARTIAL = "cost_pd IS NOT NULL AND n_unpriced > 0"
"""Of `traces`: an index has those, which are few, so they are counted apart from the aggregates."""

ANSWERED = (
    Aggregate("n", "count(*)", join=COUNT_OR_ZERO),
    Aggregate("n_errors", "count(*) FILTER (WHERE status = 'error')", join=COUNT_OR_ZERO),
    *(aggregate for measure in MEASURES for aggregate in _of_measure(measure)),
)
"""Over rows of `traces`: what summaries answer."""

PARTIAL = "n_partial"
"""The same number by bucket, kept in rollups."""

WITHOUT_ROOT, WITHOUT_KEY = "n_without_root", "n_without_key"
"""How many traces have no root, and how many no key of an item."""

COUNTED = (Measure("n_spans"), Measure("n_llm_calls"))
"""Numbers of each trace that only rollups sum."""

_FLAGGED = {PARTIAL: IS_COST_PARTIAL, WITHOUT_ROOT: "NOT has_root", WITHOUT_KEY: "coalesce(item_key, '') = ''"}

AGGREGATES = (
    *ANSWERED,
    *(Aggregate(measure.column, f"sum({measure.column})") for measure in COUNTED),
    *(detail for measure in (*MEASURES, *COUNTED) for detail in _details_of(measure) if detail not in ANSWERED),
    *(Aggregate(name, f"count(*) FILTER (WHERE {sql})", _IF_KNOWN) for name, sql in _FLAGGED.items()),
)
"""Those and what rollups hold besides: extremes, squares, and counts of traces that lack something."""

NEWEST = WITHOUT_KEY
"""Null in rollups that an earlier version of the program wrote, which lack other aggregates as well."""
