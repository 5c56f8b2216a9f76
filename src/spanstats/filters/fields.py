"""What a field is: its kind, whose value it is, the SQL that yields it, and what a negation does where it is absent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Numeric, Table, Text, case, cast, func, literal, literal_column

from ..store.tables import spans
from .kinds import Kind
from .operators import Reads

Column = ColumnElement[Any]
Hint = Callable[[tuple[Any, ...]], ColumnElement[bool] | None]
"""Operands to a condition for an index, if there is one: it holds wherever the value equals one of them."""


class Scope(Enum):
    """Whose value is tested."""

    ROW = "the row that is filtered"
    ANY_SPAN = "any span of the trace; a negation: no span"
    ROOT_SPAN = "the trace's root span"
    TRACE_SCORES = "any score of the trace; a negation: none, and there is one"
    SPAN_SCORES = "any score of the span; a negation: none, and there is one"


class NullMode(Enum):
    """What a negation does where there is no value; `empty` and `isnull` always hold there."""

    NEGATION_HOLDS = "a negation holds where there is no value"
    NEGATION_FAILS = "a negation needs a value"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """One field. `table` is where the value of a span's field stands, `elements` the members of a list under test.

    `number` is what ordering looks at where it is not `value`; `presence` is null exactly where there is no value;
    `has` says more cheaply that there is one.
    `summary` is a pair on the trace: the one value of all its spans (or scores), and whether there are others, so that
    each is looked at only where there are. `hint` stands beside a test for equality. `keys` are the evaluators whose
    scores are meant, `only` the rows of `table` that count. `member` names a JSON object, a column of
    `traces`, and the key of its member, where that alone decides on the field. `json` is the value as jsonb, where
    equality looks at that (`json_values.py`).
    """

    kind: Kind
    value: Column
    scope: Scope = Scope.ROW
    table: Table = spans
    number: Column | None = None
    presence: Column | None = None
    has: ColumnElement[bool] | None = None
    null_mode: NullMode = NullMode.NEGATION_HOLDS
    elements: FromClause | None = None
    summary: tuple[Column, Column] | None = None
    hint: Hint | None = None
    keys: frozenset[str] = frozenset()
    only: ColumnElement[bool] | None = None
    member: tuple[str, str] | None = None
    json: Column | None = None

    def side(self, reads: Reads) -> tuple[Kind, Column]:
        """What an operator of this sort looks at, and its kind."""
        if reads is Reads.NUMBER and self.number is not None:
            return Kind.NUMBER, self.number
        if reads is Reads.PRESENCE and self.presence is not None:
            return self.kind, self.presence
        return self.kind, self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldTable:
    """All fields of one kind of row: those with a fixed name, and those that a key completes.

    `keyed` makes the field of a key (`metadata`), `scores` that of a set of evaluators.
    """

    fields: Mapping[str, FieldSpec]
    scores: Callable[[frozenset[str]], FieldSpec]
    keyed: Mapping[str, Callable[[str], FieldSpec]] = field(default_factory=dict)


def scoped(spec: FieldSpec, scope: Scope, **changes: Any) -> FieldSpec:
    """The same field of another row."""
    return replace(spec, scope=scope, **changes)


def json_member(column: Column, key: Column) -> Column:
    """A member of a JSON object as text: texts as they are, other values as JSON, null where it is null or absent."""
    return column.op("->>", return_type=Text())(key)


def jsonb_number(column: Column, key: Column) -> Column:
    """A member of a jsonb object where it is a JSON number, else null. The CASE keeps the cast from other values."""
    is_number = func.jsonb_typeof(column.op("->")(key)) == known("number")
    return case((is_number, cast(json_member(column, key), Numeric())))


def jsonb_as_text(value: Column) -> Column:
    """What `json_member` makes of a member that has this value."""
    return value.op("#>>", return_type=Text())(literal_column("'{}'"))


def jsonb_as_number(value: Column) -> Column:
    """What `jsonb_number` makes of a member that has this value."""
    return case((func.jsonb_typeof(value) == known("number"), cast(jsonb_as_text(value), Numeric())))


def json_number(column: Column, key: Column) -> Column:
    """The same for the type json, which unlike jsonb holds numbers that no numeric can."""
    text = json_member(column, key)
    is_number = func.json_typeof(column.op("->")(key)) == known("number")
    is_sane = (func.length(text) <= literal_column("400")) & text.op("~")(known(r"^[-.\d]+([eE][-+]?\d{1,3})?$"))
    return case((is_number & is_sane, cast(text, Numeric())))


def known(name: str) -> Column:
    """One of our own names as a constant of the statement."""
    return literal_column(f"'{name}'", Text())


def given(key: str) -> Column:
    """A client's key as a parameter."""
    return literal(key, Text())
