"""Sums over the traces that match a filter, from bit slices where these are clean, from the traces where they are not.

One statement, one snapshot, whatever is marked: the answer does not depend on whether the cache is warm.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Select,
    Text,
    TextClause,
    bindparam,
    column,
    literal_column,
    select,
    text,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from ..filters.masks import FIRST_BIT, SIGN, SLICED_COLUMNS, Mask
from ..filters.parts import Filter
from ..store.cache_tables import BITS
from ..store.tables import Time, traces
from .dictionaries import ANY_NAME
from .matching import Parts, rows_of, within
from .measures import ANSWERED, MEASURES, SCORE_COLUMNS
from .rolled_up import bounds
from .rollups import JOINED_ANSWERED, NAMES_ANSWERED
from .scored import (
    LONGEST,
    SCORE_ROW,
    by_evaluator,
    columns_read,
    grouped,
    kept_by_name,
    score_rows,
    scores_read,
)
from .sums import Window

NOT_SLICED = "n = 0"
NOT_LISTED = "(unlisted = '{{}}') IS NOT TRUE AND (unlisted && {names}) IS NOT FALSE"
"""Of `slices`, those that hold nothing, and those without dictionaries of names that a filter looks into: both have
indexes."""

# `marked`: minutes that are read from the traces; `stretch`: adjacent ones as one; `live`: these and the cut edges of
# the window.
_MARKED = """
SELECT minute FROM rollup_marks WHERE experiment_key = :key AND minute >= :first AND minute < :last
UNION SELECT minute FROM slice_marks WHERE experiment_key = :key AND minute >= :first AND minute < :last
UNION SELECT minute FROM slices CROSS JOIN LATERAL (
    SELECT generate_series(start_time, end_time - interval '1 minute', '1 minute') AS minute
) each_minute WHERE experiment_key = :key AND {without} AND start_time < :last AND end_time > :first
    AND minute >= :first AND minute < :last
"""
_STRETCH = """
SELECT min(minute) AS lo, max(minute) + interval '1 minute' AS hi FROM (
    SELECT minute, minute - row_number() OVER (ORDER BY minute) * interval '1 minute' AS run FROM marked
) runs GROUP BY run
"""
_LIVE = """
SELECT lo, hi FROM stretch
UNION ALL SELECT :start, :first WHERE :start < :first
UNION ALL SELECT :last, :end WHERE :last < :end
"""

# The slices in the window, and the `clean` ones of their traces. Bits stand minute by minute.
_PICKED = f"""
SELECT experiment_key, start_time, chunk, {SLICED_COLUMNS},
    CASE WHEN start_time >= :first AND end_time <= :last
        AND NOT EXISTS (SELECT FROM stretch WHERE lo < end_time AND hi > start_time) THEN every
    ELSE (
        SELECT string_agg(repeat(CASE WHEN minute >= :first AND minute < :last
            AND minute NOT IN (SELECT minute FROM marked) THEN '1' ELSE '0' END, n_traces), '' ORDER BY minute)
        FROM unnest(minutes, counts) AS each_minute(minute, n_traces)
    )::bit varying END AS clean
FROM slices WHERE experiment_key = :key AND n > 0 AND start_time < :last AND end_time > :first
"""

# Sums of ones times 2 ** bit, in two halves: each fits a bigint. The highest bit is the sign.
_LOW, _SIGN = 32, SIGN
_TOTAL = f"""
(SELECT coalesce(sum(ones << bit) FILTER (WHERE bit < {_LOW}), 0)
    + {2**_LOW} * coalesce(sum(CASE bit WHEN {_SIGN} THEN -(ones << {_SIGN - _LOW}) ELSE ones << (bit - {_LOW}) END)
        FILTER (WHERE bit >= {_LOW}), 0)
FROM (
    SELECT bit_count(bits & m) AS ones, (place - {FIRST_BIT})::int AS bit
    FROM unnest({{0}}) WITH ORDINALITY AS each_slice(bits, place) WHERE place >= {FIRST_BIT}
) each_bit)
"""
_HAVING = "bit_count(m & {0}[1])"
_ERRORS = """
coalesce(bit_count(m & (
    SELECT bit_or(bits) FROM unnest(status_values, status_bits) AS listed(value, bits) WHERE value = 'error'
)), 0)
"""
_SUMS = {
    "n": "bit_count(m)",
    "n_errors": _ERRORS,
    **{m.column: f"CASE WHEN {_HAVING} > 0 THEN {_TOTAL} END".format(m.column) for m in MEASURES},
    **{f"n_{m.column}": _HAVING.format(m.column) for m in MEASURES},
}

_OF_SLICES = ", ".join(f"{_SUMS[a.name]} AS {a.name}" for a in ANSWERED)

_STORED_SCORES = "JOIN slice_scores c USING (experiment_key, start_time, chunk)"
_OF_VALUES = ", ".join(("sum(ones) AS n_rows", *(c.of_values.format("v") for c in SCORE_COLUMNS)))
_OF_PLACES = ", ".join(("count(*) AS n_rows", *(c.sql.format("v") for c in SCORE_COLUMNS)))
_SLICED_SCORES = f"""
SELECT c.name, c.kind, sums.* FROM sliced {_STORED_SCORES} CROSS JOIN LATERAL (
    SELECT {_OF_VALUES} FROM (
        SELECT v, bit_count(bits & m) AS ones FROM unnest(c.scores, c.bits) AS each_value(v, bits) OFFSET 0
    ) counted WHERE ones > 0
) sums WHERE c.bits IS NOT NULL AND n_rows > 0
UNION ALL SELECT c.name, c.kind, sums.* FROM sliced {_STORED_SCORES} CROSS JOIN LATERAL (
    SELECT {_OF_PLACES} FROM (SELECT unnest(c.places) AS place, unnest(c.scores) AS v OFFSET 0) each_score
    WHERE get_bit(m, place) = 1
) sums WHERE c.places IS NOT NULL AND n_rows > 0
"""


def sliced_statement(
    experiment_key: int, window: Window, matching: Filter, places: int, *, each: bool = False
) -> Select[Any]:
    """The aggregates of the traces in the window for which the filter's mask holds, or a part but the first. With
    `places` also of their scores, and under `longest` how many a trace that was read has.

    Where `longest` is more than `places`, the scores are not whole: `each` makes a row of each score.
    Raises `ValueError` where the filter has no mask.
    """
    if matching.mask is None:
        raise ValueError("slices cannot answer for this filter")
    first, start, last, end = bounds(window)
    given: dict[str, Any] = {"key": experiment_key, "first": first, "start": start, "last": last, "end": end}
    without, parts = NOT_SLICED, [matching.live, *matching.parts[1:]]
    if matching.names:
        given["names"], without = [*sorted(matching.names), ANY_NAME], NOT_LISTED.format(names=":names")
    marked = _text(_MARKED.format(without=without), given).columns(column("minute", Time)).cte("marked")
    stretch = _text(_STRETCH, given).columns(column("lo", Time), column("hi", Time)).cte("stretch")
    live = _text(_LIVE, given).columns(column("lo", Time), column("hi", Time)).cte("live")
    rows = grouped(_from_traces(experiment_key, window, parts, live, columns_read(places)), places)
    ctes = [marked, stretch, live, _sliced(matching.mask, f"{_PICKED} AND NOT ({without}) OFFSET 0", given), rows]
    both = f"(SELECT {NAMES_ANSWERED} FROM sliced UNION ALL SELECT {NAMES_ANSWERED} FROM grouped) both_kinds"
    found: list[Any] = [literal_column(JOINED_ANSWERED)]
    if places:
        of_traces = f"SELECT {SCORE_ROW} FROM by_evaluator" if each else score_rows(places)
        scores = kept_by_name(f"{_SLICED_SCORES} UNION ALL {of_traces}")
        found.append(literal_column(scores, JSONB).label("scores"))
        found.append(literal_column(f"(SELECT {LONGEST} FROM grouped)", BigInteger).label("longest"))
    if each:
        ctes.append(by_evaluator(_from_traces(experiment_key, window, parts, live, scores_read())))
    return select(*found).select_from(text(both)).add_cte(*ctes)


_TYPES: Mapping[str, TypeEngine[Any]] = {"key": BigInteger(), "names": ARRAY(Text())}


def _text(sql: str, given: Mapping[str, Any]) -> TextClause:
    used = {name: value for name, value in given.items() if f":{name}" in sql}
    return text(sql).bindparams(*(bindparam(n, value, _TYPES.get(n, Time()), unique=True) for n, value in used.items()))


def _sliced(mask: Mask, picked_slices: str, given: Mapping[str, Any]) -> CTE:
    """A row of aggregates for each stretch, with its `m`: the ones that match."""
    picked = _text(picked_slices, given).columns().alias("picked")
    clean = literal_column("clean", BITS)
    matched = select(literal_column("*"), mask.bitwise_and(clean).label("m")).select_from(picked)
    each = matched.offset(literal_column("0")).subquery("matched")
    found: Select[Any] = select(literal_column(f"experiment_key, start_time, chunk, m, {_OF_SLICES}"))
    return found.select_from(each).where(literal_column("bit_count(m) > 0")).cte("sliced")


def _from_traces(
    experiment_key: int, window: Window, parts: Parts, live: CTE, columns: list[ColumnElement[Any]]
) -> CompoundSelect[Any] | Select[Any]:
    """The first part in what is live, each stretch read by the index, the others in all of the window."""
    in_stretch = (traces.c.start_time >= live.c.lo) & (traces.c.start_time < live.c.hi)
    first = select(*columns).where(traces.c.experiment_key == experiment_key, in_stretch, parts[0])
    each = first.offset(literal_column("0")).lateral("each_live")
    found = select(*each.c).select_from(live.join(each, true()))
    others = within(experiment_key, window, parts[1:])
    return union_all(found, rows_of(others, *columns)) if others else found
