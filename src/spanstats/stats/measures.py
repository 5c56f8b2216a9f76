"""What is summed over traces, as data: a measure is one row here, and everything that sums is built from the rows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """`column` of `traces` is summed; where it may be null, the traces that have it are counted for the mean."""

    column: str
    nullable: bool = False
    extremes: bool = False


MEASURES = (
    Measure("cost_pd", nullable=True),
    Measure("prompt_tokens"),
    Measure("completion_tokens"),
    Measure("total_tokens"),
    Measure("latency_us", nullable=True, extremes=True),
    Measure("tps", nullable=True),
    Measure("ttft_us", nullable=True),
)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A number over any set of rows (`sql`), and how the numbers of disjoint sets make that of their union."""

    name: str
    sql: str
    join: str = "sum({})"

    @property
    def joined(self) -> str:
        """SQL over rows that each hold this aggregate of a set."""
        return self.join.format(self.name)


_COUNTS = "coalesce(sum({}), 0)"


def _of_measure(m: Measure) -> list[Aggregate]:
    found = [Aggregate(m.column, f"sum({m.column})")]
    if m.nullable:
        found.append(Aggregate(f"n_{m.column}", f"count({m.column})", join=_COUNTS))
    if m.extremes:
        found.append(Aggregate(f"min_{m.column}", f"min({m.column})", join="min({})"))
        found.append(Aggregate(f"max_{m.column}", f"max({m.column})", join="max({})"))
    return found


AGGREGATES = (
    Aggregate("n", "count(*)", join=_COUNTS),
    Aggregate("n_errors", "count(*) FILTER (WHERE status = 'error')", join=_COUNTS),
    *(aggregate for measure in MEASURES for aggregate in _of_measure(measure)),
)
"""Over rows of `traces`."""

# Whole squares up to this root fit a bigint, which PostgreSQL adds up faster than numeric; both are exact.
_ROOT = 3_037_000_499
_SQUARES = (
    f"coalesce(sum(CASE WHEN k = 0 AND v BETWEEN -{_ROOT} AND {_ROOT} THEN v * v END), 0)"
    f" + coalesce(sum(v::numeric * v) FILTER (WHERE k = 0 AND NOT v BETWEEN -{_ROOT} AND {_ROOT}), 0)"
)

SCORE_AGGREGATES = (
    Aggregate("n", "count(v) FILTER (WHERE k = 0)", join=_COUNTS),
    Aggregate("total", "sum(v) FILTER (WHERE k = 0)"),
    Aggregate("squares", _SQUARES),
    Aggregate("low", "min(v) FILTER (WHERE k = 0)", join="min({})"),
    Aggregate("high", "max(v) FILTER (WHERE k = 0)", join="max({})"),
    Aggregate("n_true", "count(*) FILTER (WHERE k = 1 AND v <> 0)", join=_COUNTS),
    Aggregate("n_false", "count(*) FILTER (WHERE k = 1 AND v = 0)", join=_COUNTS),
    Aggregate("n_text", "count(*) FILTER (WHERE k = 2)", join=_COUNTS),
)
"""Over rows of (name: evaluator key, v: billionths, k: 0 number, 1 boolean, 2 text)."""


def each_score(where: str) -> str:
    """A query for the scores of the traces for which the condition holds, as rows for `SCORE_AGGREGATES`.

    Set-returning functions of a select list run in step (null where an array ends early), at half the cost of a join.
    """
    arrays = "unnest(score_keys) AS name, unnest(score_values) AS v, unnest(score_kinds) AS kind"
    each = f"SELECT {arrays} FROM traces WHERE score_keys IS NOT NULL AND {where}"
    return f"SELECT name, v, coalesce(kind, 0) AS k FROM ({each}) each"
