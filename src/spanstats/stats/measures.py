"""What is summed over traces, as data: a measure is one row here, and everything that sums is built from the rows."""

from dataclasses import dataclass, field
from enum import Enum

from ..domain.span import ScoreKind


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


_COUNTS = "coalesce(sum({}), 0)"
_IF_KNOWN = "CASE WHEN bool_or({0} IS NULL) THEN NULL ELSE sum({0}) END"
"""Of numbers that rows lack which an earlier version of the program wrote."""


def _of_measure(m: Measure) -> list[Aggregate]:
    aggregates = [Aggregate(m.column, f"sum({m.column})", measure=m.column, how=How.SUM)]
    if m.nullable:
        # To count the few that have none is faster than to count the others.
        counted = f"count(*) - count(*) FILTER (WHERE {m.column} IS NULL)"
        aggregates.append(Aggregate(f"n_{m.column}", counted, join=_COUNTS, measure=m.column, how=How.COUNT))
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
    Aggregate("n", "count(*)", join=_COUNTS),
    Aggregate("n_errors", "count(*) FILTER (WHERE status = 'error')", join=_COUNTS),
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


@dataclass(frozen=True, slots=True)
class ScoreColumn:
    """A number over the scores of one evaluator and one kind; `sql` takes the name of their column (billionths).

    `of_values` is the same over the different scores, each of which as many traces have as its row says in `ones`.
    """

    name: str
    sql: str
    of_values: str


# Whole squares up to this root fit a bigint, which PostgreSQL adds up faster than numeric; both are exact.
_ROOT = 3_037_000_499

SCORE_COLUMNS = (
    ScoreColumn("n_values", "count({0})", "sum(CASE WHEN {0} IS NOT NULL THEN ones ELSE 0 END)"),
    ScoreColumn("sum_values", "sum({0})", "sum({0}::numeric * ones)"),
    ScoreColumn("min_value", "min({0})", "min({0})"),
    ScoreColumn("max_value", "max({0})", "max({0})"),
    ScoreColumn(
        "sum_squares",
        f"coalesce(sum(CASE WHEN {{0}} BETWEEN -{_ROOT} AND {_ROOT} THEN {{0}} * {{0}} END), 0)"
        f" + coalesce(sum(CASE WHEN NOT {{0}} BETWEEN -{_ROOT} AND {_ROOT} THEN {{0}}::numeric * {{0}} END), 0)",
        "sum({0}::numeric * {0} * ones)",
    ),
    ScoreColumn("n_not_zero", "count(nullif({0}, 0))", "sum(CASE WHEN {0} <> 0 THEN ones ELSE 0 END)"),
)

NUMBER, BOOLEAN, TEXT = ScoreKind.NUMBER, ScoreKind.BOOLEAN, ScoreKind.TEXT


@dataclass(frozen=True, slots=True)
class ScoreAggregate(Aggregate):
    """`of_columns` is the same number over rows of (k: kind, n_rows: traces, and the `SCORE_COLUMNS`)."""

    of_columns: str = ""


def _of_scores(name: str, column: str, kind: int, how: str = "sum({})") -> ScoreAggregate:
    """The column over the scores of this kind."""
    (sql,) = (c.sql for c in SCORE_COLUMNS if c.name == column)
    join = _COUNTS if name.startswith("n") or name == "squares" else how
    of_columns = join.format(f"CASE WHEN k = {kind} THEN {column} END")
    return ScoreAggregate(name, sql.format(f"CASE WHEN k = {kind} THEN v END"), join, of_columns)


SCORE_AGGREGATES = (
    _of_scores("n", "n_values", NUMBER),
    _of_scores("total", "sum_values", NUMBER),
    _of_scores("squares", "sum_squares", NUMBER),
    _of_scores("low", "min_value", NUMBER, "min({})"),
    _of_scores("high", "max_value", NUMBER, "max({})"),
    _of_scores("n_true", "n_not_zero", BOOLEAN),
    ScoreAggregate(
        "n_false",
        f"count(*) FILTER (WHERE k = {BOOLEAN} AND v = 0)",
        _COUNTS,
        _COUNTS.format(f"CASE WHEN k = {BOOLEAN} THEN n_values - n_not_zero END"),
    ),
    ScoreAggregate(
        "n_text",
        f"count(*) FILTER (WHERE k = {TEXT})",
        _COUNTS,
        _COUNTS.format(f"CASE WHEN k = {TEXT} THEN n_rows END"),
    ),
)
"""Over rows of (name: evaluator key, v: billionths, k: 0 number, 1 boolean, 2 text)."""

ROLLED_UP_SCORES = (
    *SCORE_AGGREGATES,
    # Unknown where it is of one of the parts: rows of before it was kept, which come last in an array, lack it.
    Aggregate(
        "n_traces",
        "count(*) FILTER (WHERE is_first)",
        "CASE WHEN count({0}) = count(*) THEN sum({0}) END",
    ),
)
"""Those and how many traces have a number of the evaluator."""


# Which scores of a long trace are the first numbers of their evaluator, found for all of them at once.
FIRSTS_OF_LONG = """
CASE WHEN cardinality(score_keys) > 64 THEN ARRAY(
    SELECT row_number() OVER (PARTITION BY e.key, e.value IS NULL ORDER BY e.n) = 1
    FROM unnest(score_keys, score_values) WITH ORDINALITY AS e(key, value, n) ORDER BY e.n
) END"""
# Few traces have several scores of one evaluator: the second condition is rarely asked.
IS_FIRST = """
v IS NOT NULL AND coalesce(is_first_of_long, CASE WHEN array_position(score_keys, name) = at THEN true ELSE NOT EXISTS (
    SELECT 1 FROM unnest(score_keys[1:(at - 1)], score_values[1:(at - 1)]) AS earlier(key, value)
    WHERE earlier.key = name AND earlier.value IS NOT NULL
) END)"""
"""Over rows of (name, v, at: from 1, is_first_of_long: of `FIRSTS_OF_LONG`) beside the arrays that they come from."""


def each_score(where: str, beside: str = "") -> str:
    """A query for the scores of the traces for which the condition holds, as rows for `ROLLED_UP_SCORES`: `is_first` is
    whether a score is its trace's first number of its evaluator.

    `beside` is a named expression (`... AS name`) over the trace that stands in the row of each of its scores.

    Set-returning functions of a select list run in step (null where an array ends early), at half the cost of a join.
    What else such a list has is computed for each of their rows: so what is computed once is in a query below.
    """
    name = beside.rpartition(" AS ")[2]
    own = f"{name}, " if beside else ""
    once = f"{beside}, " if beside else ""
    once += f"score_keys, score_values, score_kinds, {FIRSTS_OF_LONG} AS firsts"
    traces = f"SELECT {once} FROM traces WHERE score_keys IS NOT NULL AND {where} OFFSET 0"
    arrays = "unnest(score_keys) AS name, unnest(score_values) AS v, unnest(score_kinds) AS kind"
    arrays += ", generate_subscripts(score_keys, 1) AS at, score_keys, score_values, firsts"
    each = f"SELECT {own}{arrays} FROM ({traces}) traces"
    is_first = IS_FIRST.replace("is_first_of_long", "firsts[at]")
    return f"SELECT {own}name, v, coalesce(kind, 0) AS k, {is_first} AS is_first FROM ({each}) each"
