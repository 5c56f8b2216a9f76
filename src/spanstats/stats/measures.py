"""What is summed over traces, as data: a measure is one row here, and everything that sums is built from the rows."""

from dataclasses import dataclass


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
        # To count the few that have none is faster than to count the others.
        counted = f"count(*) - count(*) FILTER (WHERE {m.column} IS NULL)"
        found.append(Aggregate(f"n_{m.column}", counted, join=_COUNTS))
    return found


def _details_of(m: Measure) -> list[Aggregate]:
    extremes = [Aggregate(f"{end}_{m.column}", f"{end}({m.column})", join=f"{end}({{}})") for end in ("min", "max")]
    return [*extremes, Aggregate(f"squares_{m.column}", f"sum({m.column}::numeric * {m.column})")]


COST_PARTIAL = "n_cost_partial"
"""The name of how many traces have a cost that leaves out a span without a price."""
IS_COST_PARTIAL = "cost_pd IS NOT NULL AND n_unpriced > 0"
"""Of `traces`: an index has those, which are few, so they are counted apart from the aggregates."""

ANSWERED = (
    Aggregate("n", "count(*)", join=_COUNTS),
    Aggregate("n_errors", "count(*) FILTER (WHERE status = 'error')", join=_COUNTS),
    *(aggregate for measure in MEASURES for aggregate in _of_measure(measure)),
)
"""Over rows of `traces`: what summaries say. All are sums and counts, so those of a part can be taken away again."""

PARTIAL = "n_partial"
"""The same number by bucket, kept in rollups; null in rows of before extremes and squares were kept."""

AGGREGATES = (
    *ANSWERED,
    *(detail for measure in MEASURES for detail in _details_of(measure)),
    Aggregate(PARTIAL, f"count(*) FILTER (WHERE {IS_COST_PARTIAL})"),
)
"""Those and what rollups hold besides: extremes, squares, partial costs."""


@dataclass(frozen=True, slots=True)
class ScoreColumn:
    """A number over the scores of one evaluator and one kind; `sql` has a place for their column (billionths).

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

NUMBER, BOOLEAN, TEXT = 0, 1, 2
"""Kinds of scores."""


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
"""Those and what rollups keep besides: how many traces have a number of the evaluator."""


# Hardly any trace has several scores of one evaluator: the second condition is seldom looked at.
_IS_FIRST = """
v IS NOT NULL AND CASE WHEN array_position(score_keys, name) = at THEN true ELSE NOT EXISTS (
    SELECT FROM unnest(score_keys[:at - 1], score_values[:at - 1]) AS earlier(key, value)
    WHERE earlier.key = name AND earlier.value IS NOT NULL
) END"""


def each_score(where: str, beside: str = "") -> str:
    """A query for the scores of the traces for which the condition holds, as rows for `ROLLED_UP_SCORES`: `is_first` is
    whether a score is its trace's first number of its evaluator.

    `beside` is a named expression (`... AS name`) over the trace that stands in the row of each of its scores.

    Set-returning functions of a select list run in step (null where an array ends early), at half the cost of a join.
    """
    arrays = "unnest(score_keys) AS name, unnest(score_values) AS v, unnest(score_kinds) AS kind"
    arrays += ", generate_subscripts(score_keys, 1) AS at, score_keys, score_values"
    columns = f"{beside}, {arrays}" if beside else arrays
    each = f"SELECT {columns} FROM traces WHERE score_keys IS NOT NULL AND {where}"
    kept = beside.rpartition(" AS ")[2] + ", " if beside else ""
    return f"SELECT {kept}name, v, coalesce(kind, 0) AS k, {_IS_FIRST} AS is_first FROM ({each}) each"
