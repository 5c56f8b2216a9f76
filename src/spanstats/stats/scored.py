"""Sums of traces and of their scores in one scan.

Traces that are scored by the same evaluators hold their scores at the same positions: grouped by these evaluators, a
score is one more column to sum. Rows for each single score are made only of traces that have more of them than was
foreseen.
"""

from typing import Any

from sqlalchemy import CTE, BigInteger, ColumnElement, GenerativeSelect, Select, func, literal_column, select, text
from sqlalchemy.dialects.postgresql import JSONB

from ..store.tables import traces
from .matching import Disjuncts, rows_of
from .measures import ANSWERED, MEASURES
from .rollups import JOINED_ANSWERED, SCORES_KEPT
from .score_measures import FIRSTS_OF_LONG, IS_FIRST, SCORE_AGGREGATES, SCORE_COLUMNS

_MOST_SCORES = 16

N_SCORES = f"""CASE WHEN EXISTS (SELECT 1 FROM evaluators WHERE tenant_id = $1) THEN (
    SELECT least(greatest(max(cardinality(score_keys)), 1), {_MOST_SCORES})
    FROM (SELECT score_keys FROM traces WHERE experiment_key = e.key LIMIT 100) first_ones
) ELSE 0 END"""
"""SQL over `experiments e` of the tenant $1: how many scores most traces of the experiment have at most, by some of
them; 0 where the tenant has no evaluators."""

_GROUP = ("score_keys", "score_kinds")
_READ = ("status", *(m.column for m in MEASURES))
_BY_NAME = ", ".join([*(f"{a.of_columns} AS {a.name}" for a in SCORE_AGGREGATES), "sum(n_first) AS n_traces"])
_KIND = "coalesce({}, 0)"

SCORE_ROW = ", ".join(("name", "k", "n_rows", "n_first", *(c.name for c in SCORE_COLUMNS)))
"""What is known of the scores of one evaluator and kind in a set of traces."""

_REPEATS = "SELECT count(DISTINCT key) < count(*) FROM unnest(score_keys) AS key"
LONGEST = f"coalesce(max(CASE WHEN ({_REPEATS}) THEN {2**31} ELSE cardinality(score_keys) END), 0)"
"""How many scores one of the traces has, over `grouped`; very many where it has several of one evaluator."""


def scored_statement(disjuncts: Disjuncts, n_scores: int) -> Select[Any]:
    """The aggregates of these traces, under `scores` those of their scores, and under `longest` how many one trace has.

    Where `longest` is more than `n_scores`, the scores are not whole: `each_scored_statement` has them.
    """
    # OFFSET keeps each score from being looked up again for each of its aggregates.
    matching = rows_of(disjuncts, *columns_read(n_scores)).offset(literal_column("0"))
    scores = literal_column(kept_by_name(score_rows(n_scores)), JSONB).label("scores")
    longest = literal_column(LONGEST, BigInteger).label("longest")
    statement = select(literal_column(JOINED_ANSWERED), scores, longest).select_from(text("grouped"))
    return statement.add_cte(grouped(matching, n_scores))


def each_scored_statement(disjuncts: Disjuncts) -> Select[Any]:
    """The aggregates of the scores of these traces, a row made of each score."""
    scores = literal_column(kept_by_name("SELECT * FROM by_evaluator"), JSONB).label("scores")
    return select(scores).add_cte(by_evaluator(rows_of(disjuncts, *scores_read())))


def columns_read(n_scores: int) -> list[ColumnElement[Any]]:
    """Of `traces`: what `grouped` sums and groups, and their scores as `v1`, `v2`..."""
    columns = [traces.c.score_values[column].label(f"v{column}") for column in range(1, n_scores + 1)]
    return [*(traces.c[name] for name in (*_READ, *(_GROUP if n_scores else ()))), *columns]


def grouped(matching: GenerativeSelect, n_scores: int) -> CTE:
    """The aggregates of the rows of `columns_read`, by the evaluators of their scores."""
    group: list[Any] = [literal_column(", ".join(_GROUP))] if n_scores else []
    sums = [f"{a.sql} AS {a.name}" for a in ANSWERED]
    for column in range(1, n_scores + 1):
        sums += [f"{c.sql.format(f'v{column}')} AS {c.name}_{column}" for c in SCORE_COLUMNS]
    # As one text: a column by itself takes its time to compile.
    statement = select(*group, literal_column(", ".join(sums))).select_from(matching.subquery("matching"))
    return statement.group_by(*group).cte("grouped")


def score_rows(n_scores: int) -> str:
    """A query over `grouped` for its `SCORE_ROW`s."""
    rows = []
    for column in range(1, n_scores + 1):
        sums = ", ".join(f"{c.name}_{column}" for c in SCORE_COLUMNS)
        rows.append(f"(score_keys[{column}], {_KIND.format(f'score_kinds[{column}]')}, n, n_values_{column}, {sums})")
    each = f"SELECT s.* FROM grouped CROSS JOIN LATERAL (VALUES {', '.join(rows)}) AS s({SCORE_ROW})"
    return f"{each} WHERE name IS NOT NULL"


def scores_read() -> list[ColumnElement[Any]]:
    """Of `traces`: the columns of `by_evaluator`, a row for each score.

    Set-returning functions of a select list run in step (null where an array ends early), at half a join's cost.
    """
    arrays = {"name": traces.c.score_keys, "v": traces.c.score_values, "kind": traces.c.score_kinds}
    at = func.generate_subscripts(traces.c.score_keys, literal_column("1")).label("at")
    each = [func.unnest(array).label(name) for name, array in arrays.items()]
    is_first_of_long: ColumnElement[Any] = literal_column(f"unnest({FIRSTS_OF_LONG})").label("is_first_of_long")
    return [*each, at, is_first_of_long, traces.c.score_keys, traces.c.score_values]


def by_evaluator(each: GenerativeSelect) -> CTE:
    """The `SCORE_ROW`s of the rows of `scores_read`."""
    sums: list[Any] = [literal_column(c.sql.format("v")).label(c.name) for c in SCORE_COLUMNS]
    group: list[Any] = [literal_column("name"), literal_column(_KIND.format("kind"))]
    rows = literal_column(f"count(*) AS n_rows, count(*) FILTER (WHERE {IS_FIRST}) AS n_first", BigInteger)
    statement = select(group[0], group[1].label("k"), rows, *sums)
    return statement.select_from(each.subquery("each")).group_by(*group).cte("by_evaluator")


def kept_by_name(rows: str) -> str:
    """An expression for the aggregates of scores as rollups keep them, of a query for `SCORE_ROW`s."""
    names = f"SELECT name, {_BY_NAME} FROM ({rows}) s({SCORE_ROW}) GROUP BY name"
    return f"(SELECT {SCORES_KEPT} FROM ({names}) by_name)"
