"""Pages that begin after a row: none takes longer than the first, and no row comes twice while others are written."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, UnaryExpression, and_, literal, or_, tuple_

from ..store.sql_types import SqlValue


@dataclass(frozen=True, slots=True)
class Behind:
    """A row by what sorts it (`None`: it has no such value) and by its keys, which break ties one after the other."""

    value: Any
    keys: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Sorting:
    """Rows by a column, those without a value last, ties by keys. `is_indexed` columns have no nulls, and an index."""

    column: SqlValue
    keys: tuple[SqlValue, ...]
    descending: bool
    is_indexed: bool = False

    def order(self) -> list[UnaryExpression[Any]]:
        """For `ORDER BY`."""
        by_value, *by_keys = (c.desc() if self.descending else c.asc() for c in (self.column, *self.keys))
        # Only without the clause is the index walked.
        return [by_value if self.is_indexed else by_value.nulls_last(), *by_keys]

    def follows(self, row: Behind) -> ColumnElement[bool]:
        """Whether a row comes after this one."""
        if self.is_indexed:
            return self._beyond((self.column, *self.keys), (row.value, *row.keys))
        key_follows = self._beyond(self.keys, row.keys)
        if row.value is None:
            return and_(self.column.is_(None), key_follows)
        follows = self._beyond((self.column,), (row.value,))
        return or_(follows, and_(self.column == row.value, key_follows), self.column.is_(None))

    def _beyond(self, columns: tuple[SqlValue, ...], values: tuple[Any, ...]) -> ColumnElement[bool]:
        both = tuple_(*columns)
        bounds = tuple_(*(literal(value, c.type) for c, value in zip(columns, values, strict=True)))
        return both < bounds if self.descending else both > bounds
