"""How conditions over traces look for spans in a statement that asks them of many traces."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Exists, true
from sqlalchemy.sql import visitors

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


def _reads_spans(condition: SqlCondition) -> bool:
    return any(isinstance(e, Column) and e.table is every_span for e in visitors.iterate(condition))
