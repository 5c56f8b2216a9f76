"""One condition of Respan's filter language: its keys, its operator, its field and its values."""

from collections.abc import Mapping
from typing import Any

from ...errors import Location, invalid
from ...filters.operators import OPERATORS, Arity, Operator
from ...filters.predicate import SCORES, Condition
from .filter_names import (
    KEYED_PREFIXES,
    OPERATOR_NAMES,
    UNSUPPORTED_OPERATORS,
)

CONDITION_KEYS = frozenset({"operator", "value", "connector", "operator_function", "operator_args"})


def read_condition(name: str, written: dict[str, Any], field_names: Mapping[str, str], at: Location) -> Condition:
    """The condition on the field of this name. Raises `InvalidInput`."""
    for unsupported in ("operator_function", "operator_args"):
        if written.get(unsupported):
            raise invalid("is not supported", *at, unsupported, code="unsupported_operator")
    refuse_others(written, CONDITION_KEYS, at)
    operator = _operator(written.get("operator"), at)
    if "value" not in written and OPERATORS[operator].arity is not Arity.NONE:
        raise invalid("must be there", *at, "value", code="missing")
    field, key = field_of(name, field_names, at)
    word = str(written.get("operator") or "").strip().lower()
    return Condition(field, operator, _values(written.get("value"), at, of_list=word in _OF_LISTS), at, key)


def refuse_others(written: dict[str, Any], allowed: frozenset[str], at: Location) -> None:
    """A misspelt key must not change what a filter means."""
    for key in written:
        if key not in allowed:
            raise invalid(f"is not one of {', '.join(sorted(allowed))}", *at, key, code="extra_forbidden")


def _operator(value: object, at: Location) -> Operator:
    if value is None:
        return Operator.EQUALS
    if not isinstance(value, str):
        raise invalid("must be text", *at, "operator", code="string_type")
    word = value.strip().lower()
    if word in UNSUPPORTED_OPERATORS:
        raise invalid(f"{value} is not supported", *at, "operator", code="unsupported_operator")
    if word not in OPERATOR_NAMES:
        raise invalid(f"unknown operator {value[:100]!r}", *at, "operator", code="unknown_operator")
    return OPERATOR_NAMES[word]


def field_of(name: str, field_names: Mapping[str, str], at: Location) -> tuple[str, str | None]:
    """(field, key) of a name, `None` where the field has no keys. Raises `InvalidInput`."""
    for prefix, field in KEYED_PREFIXES.items():
        if name.startswith(prefix):
            key = name.removeprefix(prefix)
            if not key:
                raise invalid(f"{prefix} must be followed by a key", *at, "field", code="unknown_field")
            if field != SCORES and key.startswith("_"):
                raise invalid("metadata keys that begin with _ are reserved", *at, "field", code="reserved")
            return field, key
    return field_names.get(name, name), None


_OF_LISTS = frozenset({"in", "not_in", "not in", "nin"})


def _values(value: object, at: Location, *, of_list: bool) -> tuple[object, ...]:
    """One value or a list of them; some clients wrap the list once more, though not for what takes lists itself."""
    if not isinstance(value, list):
        return (value,)
    if of_list and any(isinstance(item, list) for item in value):
        raise invalid("must be a list of values, not of lists", *at, "value", code="list_type")
    if len(value) == 1 and isinstance(value[0], list):
        return tuple(value[0])
    return tuple(value)
