"""Sums of traces and of their scores in one scan.

Traces that are scored by the same evaluators hold their scores at the same places: grouped by these evaluators, a score
is one more column to sum. Rows for each single score are made only of traces that have more of them than was foreseen.
"""

from typing import Any

from sqlalchemy import BigInteger, GenerativeSelect, Select, func, literal_column, select, text
from sqlalchemy.dialects.postgresql import JSONB

from ..store.tables import traces
from .matching import Parts, rows_of
from .measures import ANSWERED, MEASURES, SCORE_AGGREGATES, SCORE_COLUMNS
from .rollups import JOINED_ANSWERED, SCORES_KEPT

MOST_PLACES = 16

_GROUP = ("score_keys", "score_kinds")
_READ = ("status", *(m.column for m in MEASURES), *_GROUP)
_BY_NAME = ", ".join(f"{a.of_columns} AS {a.name}" for a in SCORE_AGGREGATES)
_PARTS = ", ".join(("name", "k", "n_rows", *(c.name for c in SCORE_COLUMNS)))


def scored_statement(parts: Parts, places: int) -> Select[Any]:
    """The aggregates of these traces, under `scores` those of their scores, and under `longest` how many one trace has.

    Where `longest` is more than `places`, the scores are not whole: `each_scored_statement` has them.
    """
    found = [traces.c.score_values[place].label(f"v{place}") for place in range(1, places + 1)]
    # OFFSET keeps each score from being looked up anew for each of its aggregates.
    matching = rows_of(parts, *(traces.c[name] for name in _READ), *found).offset(literal_column("0"))
    grouped = _grouped(matching, places)
    names = f"SELECT name, {_BY_NAME} FROM grouped CROSS JOIN LATERAL (VALUES {_rows(places)}) AS s({_PARTS})"
    kept = f"(SELECT {SCORES_KEPT} FROM ({names} WHERE name IS NOT NULL GROUP BY name) by_name)"
    whole: list[Any] = [literal_column(JOINED_ANSWERED), literal_column(kept, JSONB).label("scores")]
    longest = literal_column("coalesce(max(cardinality(score_keys)), 0)", BigInteger).label("longest")
    return select(*whole, longest).select_from(text("grouped")).add_cte(grouped)


def _grouped(matching: GenerativeSelect, places: int) -> Any:
    columns: list[Any] = [literal_column(name) for name in _GROUP]
    sums: list[Any] = [literal_column(a.sql).label(a.name) for a in ANSWERED]
    for place in range(1, places + 1):
        sums += [literal_column(c.sql.format(f"v{place}")).label(f"{c.name}_{place}") for c in SCORE_COLUMNS]
    source = matching.subquery("matching")
    return select(*columns, *sums).select_from(source).group_by(*columns).cte("grouped")


def _rows(places: int) -> str:
    """A row for each place: the evaluator, the kind of score, the number of traces, and the sums."""
    rows = []
    for place in range(1, places + 1):
        sums = ", ".join(f"{c.name}_{place}" for c in SCORE_COLUMNS)
        rows.append(f"(score_keys[{place}], coalesce(score_kinds[{place}], 0), n, {sums})")
    return ", ".join(rows)


def each_scored_statement(parts: Parts) -> Select[Any]:
    """The aggregates of the scores of these traces, a row made of each score."""
    t = traces.c
    # Set-returning functions of a select list run in step (null where an array ends early), at half a join's cost.
    arrays = {"name": t.score_keys, "v": t.score_values, "kind": t.score_kinds}
    each = rows_of(parts, *(func.unnest(array).label(name) for name, array in arrays.items())).subquery("each")
    flat = select(each.c.name, each.c.v, func.coalesce(each.c.kind, 0).label("k")).subquery("flat")
    by_score: list[Any] = [literal_column(a.sql).label(a.name) for a in SCORE_AGGREGATES]
    by_name = select(flat.c.name, *by_score).group_by(flat.c.name).subquery("by_name")
    return select(literal_column(SCORES_KEPT, JSONB).label("scores")).select_from(by_name)
