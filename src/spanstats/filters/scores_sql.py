"""Scores as SQL: those of a trace are two arrays of its row, those of a span are rows of `scores`."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Integer,
    Text,
    column,
    exists,
    func,
    literal,
    literal_column,
    or_,
)
from sqlalchemy import any_ as any_element

from ..store.tables import scores, traces
from .json_sql import constant

OF_TRACE = (
    func.unnest(traces.c.score_keys, traces.c.score_values)
    .table_valued(column("key", Text), column("value", BigInteger), joins_implicitly=True)
    .render_derived(name="score")
)
"""The scores of a trace as rows: the key of the evaluator, and the value in billionths, null where it is no number."""

_replacing = scores.alias("posted")
_SAME_SCORE = [_replacing.c[name] == scores.c[name] for name in ("tenant_id", "trace_id", "span_id", "evaluator_key")]

COUNTS = or_(
    scores.c.source != constant("evaluator"),
    ~exists(literal_column("1")).where(*_SAME_SCORE, _replacing.c.source == constant("api")).correlate(scores),
)
"""A row of `scores` counts, unless an evaluator's span gave it and a standalone score of the same evaluator is there.

The rule of `domain.merge.with_standalone`.
"""


def one_of(key: ColumnElement[Any], keys: frozenset[str]) -> ColumnElement[bool]:
    """The evaluator is one of these."""
    return key == any_element(literal(sorted(keys), ARRAY(Text())))


def trace_has(keys: frozenset[str]) -> ColumnElement[bool]:
    """The trace has a score of one of these evaluators; null where it has none at all."""
    return traces.c.score_keys.op("&&", is_comparison=True)(literal(sorted(keys), ARRAY(Text())))


def first_of_trace(key: str) -> tuple[ColumnElement[int], ColumnElement[bool]]:
    """The first score of the evaluator, and whether there are more: to read all of them is three times the work."""
    keys, evaluator = traces.c.score_keys, literal(key, Text())
    position = func.array_position(keys, evaluator, type_=Integer())
    after = func.coalesce(position + literal_column("1"), literal_column("1"))
    next_position = func.array_position(keys, evaluator, after, type_=Integer())
    return traces.c.score_values[position], next_position.is_not(None)
