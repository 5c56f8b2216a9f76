"""Names for the types of SQL expressions, apart from the conditions and columns of the program itself."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, UnaryExpression

SqlValue: TypeAlias = ColumnElement[Any]
"""A value of a row."""

SqlCondition: TypeAlias = ColumnElement[bool]
"""What a row must meet."""

SqlOrder: TypeAlias = Sequence[UnaryExpression[Any] | ColumnElement[Any]]
"""What rows are sorted by, the first before the others."""
