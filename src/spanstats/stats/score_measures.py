"""What is summed over scores, as data: by evaluator, of numbers, of true and false, and of texts."""

from dataclasses import dataclass

from ..domain.span import ScoreKind
from .measures import COUNT_OR_ZERO, Aggregate


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
    join = COUNT_OR_ZERO if name.startswith("n") or name == "squares" else how
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
        COUNT_OR_ZERO,
        COUNT_OR_ZERO.format(f"CASE WHEN k = {BOOLEAN} THEN n_values - n_not_zero END"),
    ),
    ScoreAggregate(
        "n_text",
        f"count(*) FILTER (WHERE k = {TEXT})",
        COUNT_OR_ZERO,
        COUNT_OR_ZERO.format(f"CASE WHEN k = {TEXT} THEN n_rows END"),
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

    `beside` is a named expression (`... AS name`) over the trace, which the row of each of its scores has too.

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
