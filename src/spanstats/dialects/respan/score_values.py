"""The value of a score in the field of its type, and what is kept beside it."""

from typing import Any

import msgspec

from ...domain.span import SCORE_TYPES, Score
from ...domain.values import MAX_SCORE, clean, number
from ...errors import invalid
from ..json_body import encode
from ..storable import scrub

_NUMERIC = frozenset({"numerical", "percentage"})
VALUES = ("numerical_value", "boolean_value", "categorical_value", "string_value", "json_value")
"""The fields of a body that hold a value, the first first."""
DETAILS = (
    *("type", "environment", "prompt_id", "prompt_version_number", "dataset_id", "automation_id"),
    *("is_passed", "cost", "status", "error_message", "timestamp"),
)
"""The fields that are kept as they were sent: no number depends on them."""
_TYPES = {"categorical_value": "categorical", "string_value": "text", "json_value": "json"}


def with_value(score: Score, body: dict[str, Any]) -> Score | None:
    """The score with the first value that the body carries, `None` where it carries none."""
    field = next((name for name in VALUES if body.get(name) is not None), None)
    if field is None:
        return None
    value, text, value_type = _value(body[field], field)
    type_of_body = body.get("score_value_type")
    if isinstance(type_of_body, str) and type_of_body in SCORE_TYPES and _fits(type_of_body, field):
        value_type = type_of_body
    return msgspec.structs.replace(score, value=value, text=text, value_type=value_type)


def _fits(value_type: str, field: str) -> bool:
    if field == "numerical_value":
        return value_type in _NUMERIC
    return field != "boolean_value" and value_type not in _NUMERIC | {"boolean"}


def _value(value: Any, field: str) -> tuple[float | None, str | None, str]:
    """(number, text, type)."""
    if field == "numerical_value":
        exact = number(value, field)
        if abs(exact) > MAX_SCORE:
            raise invalid(f"must be {-MAX_SCORE:g} to {MAX_SCORE:g}", field, code="out_of_range")
        return float(exact), None, "numerical"
    if field == "boolean_value":
        if not isinstance(value, bool):
            raise invalid("must be true or false", field, code="bool_type")
        return float(value), None, "boolean"
    if field == "categorical_value":
        categories = value if isinstance(value, list) else [value]
        return None, encode(scrub(categories)), "categorical"
    text = value if isinstance(value, str) else encode(value)
    return None, clean(text), _TYPES[field]


def details_of(body: dict[str, Any]) -> dict[str, Any]:
    """What is kept beside the score: what numbers do not depend on, and values beside the first."""
    first = next((name for name in VALUES if body.get(name) is not None), None)
    details: dict[str, Any] = scrub({name: body[name] for name in DETAILS if body.get(name) is not None})
    beside = [name for name in VALUES if name != first and body.get(name) is not None]
    return details | {name: _shown(body[name], name) for name in beside}


def _shown(value: Any, field: str) -> Any:
    """A value in the shape in which its field is answered. Raises `InvalidInput`."""
    exact, text, value_type = _value(value, field)
    if value_type == "categorical":
        return scrub(value if isinstance(value, list) else [value])
    return bool(exact) if value_type == "boolean" else text
