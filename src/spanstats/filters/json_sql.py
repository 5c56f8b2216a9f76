"""Members of JSON documents as SQL expressions, and the texts that such expressions are made with."""

from sqlalchemy import Numeric, Text, case, cast, func, literal, literal_column

from ..store.sql_types import SqlValue


def constant(name: str) -> SqlValue:
    """One of our own names as a constant of the statement."""
    return literal_column(f"'{name}'", Text())


def parameter(key: str) -> SqlValue:
    """A client's key as a parameter of the statement."""
    return literal(key, Text())


def json_member(column: SqlValue, key: SqlValue) -> SqlValue:
    """A member of a JSON object as text: texts as they are, other values as JSON, null where it is null or absent."""
    return column.op("->>", return_type=Text())(key)


def jsonb_number(column: SqlValue, key: SqlValue) -> SqlValue:
    """A member of a jsonb object where it is a JSON number, else null. The CASE keeps the cast from other values."""
    is_number = func.jsonb_typeof(column.op("->")(key)) == constant("number")
    return case((is_number, cast(json_member(column, key), Numeric())))


def jsonb_as_text(value: SqlValue) -> SqlValue:
    """What `json_member` makes of a member that has this value."""
    return value.op("#>>", return_type=Text())(literal_column("'{}'"))


def jsonb_as_number(value: SqlValue) -> SqlValue:
    """What `jsonb_number` makes of a member that has this value."""
    return case((func.jsonb_typeof(value) == constant("number"), cast(jsonb_as_text(value), Numeric())))


def json_number(column: SqlValue, key: SqlValue) -> SqlValue:
    """The same for the type json, which unlike jsonb holds numbers that no numeric can."""
    text = json_member(column, key)
    is_number = func.json_typeof(column.op("->")(key)) == constant("number")
    is_sane = (func.length(text) <= literal_column("400")) & text.op("~")(constant(r"^[-.\d]+([eE][-+]?\d{1,3})?$"))
    return case((is_number & is_sane, cast(text, Numeric())))
