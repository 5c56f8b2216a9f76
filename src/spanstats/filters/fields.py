"""What a field is: what it compares, over which rows, and what a negation does where there is no value.

A field is one of six frozen classes. Back ends `match` them and end with `assert_never`, so that a new class breaks
every back end until it is handled. Nothing here decides how a field is read: that is the back ends' part.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar, TypeAlias

from sqlalchemy import Column as StoredColumn
from sqlalchemy import ColumnElement, FromClause, Table

from ..store.sql_types import SqlValue
from .field_types import FieldType


@dataclass(frozen=True, slots=True)
class Plain:
    """One value of one type."""

    type: FieldType
    column: SqlValue


@dataclass(frozen=True, slots=True)
class Mixed:
    """Any JSON value: compared as text, ordered by `number`, which is null where the value is no number.

    `document` is the value as jsonb where equality looks at that (`json_values.py`).
    """

    type: ClassVar[FieldType] = FieldType.VALUE
    column: SqlValue
    number: SqlValue
    document: SqlValue | None = None


@dataclass(frozen=True, slots=True)
class Members:
    """The members of a JSON list, as texts: `column` of each of the `rows`."""

    type: ClassVar[FieldType] = FieldType.TEXT
    column: SqlValue
    rows: FromClause


Value: TypeAlias = Plain | Mixed | Members


class NullMode(Enum):
    """What a negation does where there is no value; `empty` and `isnull` always hold there."""

    NEGATION_HOLDS = "a negation holds where there is no value"
    NEGATION_FAILS = "a negation needs a value"


class Quantifier(Enum):
    """Which spans of a trace a condition is about."""

    ANY_SPAN = "any span of the trace; a negation: no span"
    ROOT_SPAN = "the trace's root span"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Valued:
    value: Value
    null_mode: NullMode = NullMode.NEGATION_HOLDS

    @property
    def type(self) -> FieldType:
        """What the values are, as bind and documentation see them."""
        return self.value.type


@dataclass(frozen=True, slots=True, kw_only=True)
class RowField(_Valued):
    """A value of the row that is filtered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberField(_Valued):
    """A member of a jsonb column of `traces`, by its key. Where `is_indexed`, a GIN index of the column finds it."""

    container: StoredColumn[Any]
    key: str
    is_indexed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanField(_Valued):
    """A value of spans of the trace that is filtered. `table` holds the value.

    A value of a root's payload is `packed` where the payload is packed. If `in_trace`, the trace has that member
    with the same value wherever the root has it.
    """

    table: Table
    quantifier: Quantifier
    packed: Value | None = None
    in_trace: MemberField | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UniformField(_Valued):
    """A value of any span of the trace. Where all spans have the same one, the trace has it too, as `of_trace`; where
    they have several, `differs` holds and the spans are read.
    """

    table: Table
    of_trace: SqlValue
    differs: ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class TraceScores:
    """The scores that these evaluators gave to a trace: any of them; a negation: none, and there is one."""

    keys: frozenset[str]
    type: ClassVar[FieldType] = FieldType.SCORE
    null_mode: ClassVar[NullMode] = NullMode.NEGATION_FAILS


@dataclass(frozen=True, slots=True)
class SpanScores:
    """The scores that these evaluators gave to a span: any of them; a negation: none, and there is one."""

    keys: frozenset[str]
    type: ClassVar[FieldType] = FieldType.REAL
    null_mode: ClassVar[NullMode] = NullMode.NEGATION_FAILS


Field: TypeAlias = RowField | MemberField | SpanField | UniformField | TraceScores | SpanScores


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldTable:
    """All fields of one table: fields with a fixed name, and fields that a key completes.

    `keyed` makes the field of a key (`metadata`), `scores` that of a set of evaluators.
    """

    fields: Mapping[str, Field]
    scores: Callable[[frozenset[str]], Field]
    keyed: Mapping[str, Callable[[str], Field]] = field(default_factory=dict)


def compared(value: Value, as_number: bool) -> tuple[FieldType, SqlValue]:
    """What an operator compares, and its type: an operator that reads numbers orders any JSON value by its number."""
    if as_number and isinstance(value, Mixed):
        return FieldType.NUMBER, value.number
    return value.type, value.column
