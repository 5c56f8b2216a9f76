"""The filter builder: conditions in the page's address, and the body that the interface takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request

FIELDS = (
    "status",
    "model",
    "name",
    "latency",
    "cost",
    "total_tokens",
    "environment",
    "customer_identifier",
    "span_name",
    "timestamp",
)
"""What the builder proposes; any field of the filter table may be written."""

OPERATORS = (
    ("=", "is"),
    ("!=", "is not"),
    ("contains", "contains"),
    ("regex", "matches"),
    ("gt", "above"),
    ("gte", "at least"),
    ("lt", "below"),
    ("lte", "at most"),
    ("in", "is one of"),
    ("not_empty", "has a value"),
    ("empty", "has none"),
)
"""As the interface names them, and as people read them."""

_WITHOUT_VALUE = frozenset({"not_empty", "empty"})


@dataclass(frozen=True, slots=True)
class Condition:
    """One row of the builder."""

    field: str = ""
    operator: str = "="
    value: str = ""

    @property
    def body(self) -> dict[str, Any]:
        """As the interface takes it; several values are separated by commas."""
        if self.operator in _WITHOUT_VALUE:
            return {"field": self.field, "operator": self.operator, "value": []}
        values = [v.strip() for v in self.value.split(",")] if self.operator == "in" else [self.value]
        return {"field": self.field, "operator": self.operator, "value": values}

    def __str__(self) -> str:
        shown = dict(OPERATORS).get(self.operator, self.operator)
        return f"{self.field} {shown} {self.value}".strip()


def conditions_of(request: Request) -> list[Condition]:
    """The conditions of the address that name a field: `f`, `op` and `v`, row by row, without the row of `drop`."""
    query = request.query_params
    fields, operators, values = (query.getlist(name) for name in ("f", "op", "v"))
    rows = [
        Condition(field.strip(), _at(operators, i) or "=", (_at(values, i) or "").strip())
        for i, field in enumerate(fields)
        if str(i) != query.get("drop")
    ]
    return [row for row in rows if row.field]


def rows_of(request: Request, conditions: Sequence[Condition]) -> list[Condition]:
    """The rows that the form shows: at least one, and one more where it was asked for."""
    count = max(1, len(conditions)) + ("add" in request.query_params)
    return [*conditions, *[Condition()] * (count - len(conditions))]


def filters_of(conditions: Sequence[Condition]) -> list[dict[str, Any]]:
    """The `filters` of a request."""
    return [condition.body for condition in conditions]


def query_of(conditions: Sequence[Condition]) -> list[tuple[str, str]]:
    """The conditions as part of an address."""
    return [
        pair
        for condition in conditions
        for pair in (("f", condition.field), ("op", condition.operator), ("v", condition.value))
    ]


def _at(values: Sequence[str], index: int) -> str | None:
    return values[index] if index < len(values) else None
