"""How conditions over traces look for spans in a statement that asks them of many traces."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BinaryExpression,
    BooleanClauseList,
    ClauseElement,
    ColumnElement,
    Exists,
    Select,
    UnaryExpression,
    true,
)
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import Grouping
from sqlalchemy.sql.operators import is_, is_not

from ..store.sql_types import SqlCondition


class AnySpan(Exists):
    """Whether a trace has any span for which conditions hold."""

    # `by_id` is looked at before the SQL is compiled, and changes nothing of it.
    inherit_cache = True

    def __init__(self, spans: Select[Any], by_id: bool) -> None:
        """`by_id`: an index of ids leads to the spans, so they are few."""
        super().__init__(spans)
        self.by_id = by_id


def asked_of_many(conditions: Sequence[SqlCondition]) -> list[SqlCondition]:
    """The same conditions over traces, for a statement that gives no single rows, such as a count.

    PostgreSQL takes 200 for the number of traces that the union of spans has, however many they are, and looks up each
    of them. Behind `IS TRUE` it reads the spans once, or looks up each trace's, by what it knows of the traces.
    """
    return [
        visitors.replacement_traverse(condition, {}, _behind_is_true) if _has_any_span(condition) else condition
        for condition in conditions
    ]


def _behind_is_true(element: Any, **_: Any) -> ColumnElement[Any] | None:
    return element.is_(true()) if isinstance(element, AnySpan) and not element.by_id else None


def _has_any_span(condition: ClauseElement) -> bool:
    """Whether an `AnySpan` is part of it: in AND, OR, NOT or IS, as what conditions compare takes long to visit."""
    if isinstance(condition, Exists):
        return isinstance(condition, AnySpan)
    is_outside = isinstance(condition, BooleanClauseList | Grouping | UnaryExpression) or (
        isinstance(condition, BinaryExpression) and condition.operator in (is_, is_not)
    )
    return is_outside and any(map(_has_any_span, condition.get_children()))
