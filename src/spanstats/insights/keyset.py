"""Pages that begin behind a row: however deep they are, and whatever is written meanwhile, no row is there twice."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, UnaryExpression, and_, literal, or_, tuple_

Column = ColumnElement[Any]


@dataclass(frozen=True, slots=True)
class Behind:
    """A row by what sorts it (`None`: it has no such value) and by its key, which breaks ties."""

    value: Any
    key: Any


@dataclass(frozen=True, slots=True)
class Sorting:
    """Rows by a column, those without a value last, ties by key. `is_indexed` columns have no nulls, and an index."""

    column: Column
    key: Column
    descending: bool
    is_indexed: bool = False

    def order(self) -> list[UnaryExpression[Any]]:
        """For `ORDER BY`."""
        by_value, by_key = (c.desc() if self.descending else c.asc() for c in (self.column, self.key))
        # Only without the clause is the index walked.
        return [by_value if self.is_indexed else by_value.nulls_last(), by_key]

    def follows(self, row: Behind) -> ColumnElement[bool]:
        """Whether a row comes after this one."""
        if self.is_indexed:
            both = tuple_(self.column, self.key)
            bounds = tuple_(literal(row.value, self.column.type), literal(row.key, self.key.type))
            return both < bounds if self.descending else both > bounds
        key_follows = self.key < row.key if self.descending else self.key > row.key
        if row.value is None:
            return and_(self.column.is_(None), key_follows)
        follows = self.column < row.value if self.descending else self.column > row.value
        return or_(follows, and_(self.column == row.value, key_follows), self.column.is_(None))
