"""The SQL of operators (`operators.py`): what a value of a column passes, for these operands of this type.

Numbers in chunks are compared by `columnar/masks.py`; of their texts it is this SQL too (`columnar/probe.py`).
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Integer, Numeric, Text, collate, false, func, literal, literal_column
from sqlalchemy import any_ as any_element
from sqlalchemy.types import TypeEngine

from ..store.sql_types import SqlValue

_ZERO: ColumnElement[int] = literal_column("0")
_NO_TEXT: ColumnElement[str] = literal_column("''", Text())
Build = Callable[[SqlValue, tuple[Any, ...], TypeEngine[Any]], ColumnElement[bool]]
"""From a column, operands and their type: a condition that is false or null where the column is null."""


def _bound(value: Any, type_: TypeEngine[Any]) -> SqlValue:
    """A parameter; a bound that no bigint can hold is a numeric."""
    return literal(value, Numeric() if isinstance(value, Decimal) else type_)


def one_of(column: SqlValue, operands: tuple[Any, ...], type_: TypeEngine[Any]) -> ColumnElement[bool]:
    """Is one of the operands; false where there is none."""
    if not operands:
        return false()
    if len(operands) == 1:
        return column == _bound(operands[0], type_)
    return column == any_element(literal(list(operands), ARRAY(type_)))


def ordered(compare: Callable[[Any, Any], Any]) -> Build:
    """Is less or greater, as `compare` says."""
    return lambda column, operands, type_: compare(column, _bound(operands[0], type_))


def between(column: SqlValue, operands: tuple[Any, ...], type_: TypeEngine[Any]) -> ColumnElement[bool]:
    """Is between both operands, or one of them."""
    low, high = operands
    return (column >= _bound(low, type_)) & (column <= _bound(high, type_))


def _without_case(text: SqlValue) -> SqlValue:
    """Created by the first migration over one Unicode collation: the server's locale has no say."""
    return func.lower_unicode(text, type_=Text())


def contains(column: SqlValue, operands: tuple[Any, ...], type_: TypeEngine[Any]) -> ColumnElement[bool]:
    """Contains the operand, ignoring case."""
    return func.strpos(_without_case(column), _without_case(literal(operands[0], type_)), type_=Integer()) > _ZERO


def starts_with(column: SqlValue, operands: tuple[Any, ...], type_: TypeEngine[Any]) -> ColumnElement[bool]:
    """Starts with the operand."""
    return func.starts_with(column, literal(operands[0], type_))


def ends_with(column: SqlValue, operands: tuple[Any, ...], type_: TypeEngine[Any]) -> ColumnElement[bool]:
    """Ends with the operand."""
    end = operands[0]
    return func.right(column, literal(len(end), Integer()), type_=Text()) == literal(end, type_)


def is_same_text(column: SqlValue, operands: tuple[Any, ...], type_: TypeEngine[Any]) -> ColumnElement[bool]:
    """Is the operand, ignoring case."""
    return _without_case(column) == _without_case(literal(operands[0], type_))


def is_like(column: SqlValue, operands: tuple[Any, ...], type_: TypeEngine[Any]) -> ColumnElement[bool]:
    """Matches the pattern of `%` and `_`, ignoring case."""
    # A backslash is an ordinary character here, and one at the end would be an error of the database.
    pattern = operands[0].replace("\\", "\\\\")
    return _without_case(column).like(_without_case(literal(pattern, type_)))


def matches(column: SqlValue, operands: tuple[Any, ...], type_: TypeEngine[Any]) -> ColumnElement[bool]:
    """Matches the regular expression anywhere."""
    return column.op("~", is_comparison=True)(collate(literal(operands[0], type_), "C"))


def is_present(column: SqlValue, _operands: tuple[Any, ...], _type: TypeEngine[Any]) -> ColumnElement[bool]:
    """Is not null."""
    return column.is_not(None)


def is_filled(column: SqlValue, _operands: tuple[Any, ...], type_: TypeEngine[Any]) -> ColumnElement[bool]:
    """Is not null, and no empty text."""
    return column != _NO_TEXT if isinstance(type_, Text) else column.is_not(None)
