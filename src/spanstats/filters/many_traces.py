"""How conditions over traces look for spans in a statement that asks them of many traces."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BinaryExpression,
    BooleanClauseList,
    ClauseElement,
    Column,
    ColumnElement,
    Exists,
    UnaryExpression,
    true,
)
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import Grouping
from sqlalchemy.sql.operators import is_, is_not

from ..store.sql_types import SqlCondition
from ..store.tables import every_span, has_digest


def asked_of_many(conditions: Sequence[SqlCondition]) -> list[SqlCondition]:
    """The same conditions over traces, for a statement that gives no single rows, such as a count.

    PostgreSQL takes 200 for the number of traces that the union of spans has, however many they are, and looks up each
    of them. Behind `IS TRUE` it reads the spans once, or looks up each trace's, by what it knows of the traces. What is
    found by the id of a span is few.
    """

    def replaced(element: Any, **_: Any) -> ColumnElement[Any] | None:
        if not isinstance(element, Exists) or not _reads_spans(element) or has_digest(element):
            return None
        return element.is_(true())

    return [
        visitors.replacement_traverse(condition, {}, replaced) if _reads_spans(condition) else condition
        for condition in conditions
    ]


def _reads_spans(condition: ClauseElement) -> bool:
    """Conditions over traces read spans only inside EXISTS, and what else they are made of takes long to visit."""
    if isinstance(condition, Exists):
        return any(isinstance(e, Column) and e.table is every_span for e in visitors.iterate(condition))
    is_outside = isinstance(condition, BooleanClauseList | Grouping | UnaryExpression) or (
        isinstance(condition, BinaryExpression) and condition.operator in (is_, is_not)
    )
    return is_outside and any(map(_reads_spans, condition.get_children()))
