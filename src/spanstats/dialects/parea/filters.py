"""Parea's filter, one condition in a request's body, read into a tree of conditions over root logs.

{"filter_field": "error", "filter_operator": "exists", "filter_key": null, "filter_value": null}
{"filter_field": "metadata", "filter_key": "env", "filter_operator": "equals", "filter_value": "prod"}
{"filter_field": "score:accuracy", "filter_operator": "greater_than", "filter_value": "0.5"}
"""

import json
from collections.abc import Mapping
from typing import Any

from ...errors import Location, Problem, invalid
from ...filters.operators import OPERATORS, Arity, Operator
from ...filters.predicate import SCORES, Condition, Group

OPERATOR_NAMES: dict[str, Operator] = {
    "equals": Operator.EQUALS,
    "in": Operator.EQUALS,
    "not_equals": Operator.NOT_EQUALS,
    "like": Operator.CONTAINS,
    "regex": Operator.REGEX,
    "not_regex": Operator.NOT_REGEX,
    "greater_than": Operator.GT,
    "greater_than_or_equal": Operator.GTE,
    "less_than": Operator.LT,
    "less_than_or_equal": Operator.LTE,
    "between": Operator.BETWEEN,
    "is_null": Operator.ISNULL,
    "exists": Operator.EXISTS,
}
"""Parea's operators, and those of regular expressions, which its own service does not have."""

FIELD_NAMES: dict[str, str] = {
    "trace_id": "span_unique_id",
    "parent_trace_id": "span_parent_id",
    "root_trace_id": "trace_unique_id",
    "experiment_uuid": "experiment_id",
    "project_uuid": "project_id",
    "project_name": "project_name",
    "trace_name": "span_name",
    "start_timestamp": "start_time",
    "end_timestamp": "end_time",
    "inputs": "input",
    "output": "output",
    "target": "target",
    "latency": "latency",
    "time_to_first_token": "time_to_first_token",
    "input_tokens": "prompt_tokens",
    "output_tokens": "completion_tokens",
    "total_tokens": "total_tokens",
    "cost": "cost",
    "status": "status",
    "error": "error_message",
    "cache_hit": "cache_hit",
    "depth": "depth",
    "execution_order": "execution_order",
    "metadata": "metadata",
    "tags": "tags",
    "evaluation_metric_names": "evaluation_metric_names",
    "feedback_score": "feedback_score",
    "deployment_id": "deployment_id",
    "session_id": "session_identifier",
    "end_user_identifier": "customer_identifier",
}
"""The fields of a log that can be filtered by."""

UNFILTERED_FIELDS = frozenset(
    {"configuration", "scores", "children", "images", "comments", "annotations", "output_for_eval_metrics"}
    | {"apply_eval_frac", "log_sample_rate", "organization_id"}
)
"""Fields of a log that cannot be filtered by; every other name is a score's."""

KEYED_FIELDS = frozenset({"inputs", "metadata"})
"""Fields that `filter_key` looks into; without it they are compared as a whole, as JSON text."""

_SCORE, _ANNOTATION = "score:", "annotation:"
_BODY: Location = ("body",)
_NO_ANNOTATION_MATCHES = frozenset({Operator.ISNULL, Operator.NOT_EQUALS})


def read_filter(body: Mapping[str, Any]) -> Group | None:
    """The condition that the body's four filter keys state; `None` where field or operator is null or empty.

    Literals are checked when the tree is bound. Raises `InvalidInput` located at a key of the body: `filter_operator`
    where the operator is unknown, which Parea's schema answers with 422.
    """
    field, operator_name = (_text(body, key) for key in ("filter_field", "filter_operator"))
    if not field or not operator_name:
        return None
    if operator_name not in OPERATOR_NAMES:
        raise invalid(f"must be one of {', '.join(OPERATOR_NAMES)}", *_BODY, "filter_operator", code="enum")
    operator = OPERATOR_NAMES[operator_name]
    if field.startswith(_ANNOTATION):  # none are stored
        return None if operator in _NO_ANNOTATION_MATCHES else Group("OR", (), _BODY)
    name, key = _field(field, _text(body, "filter_key"))
    values = _values(body.get("filter_value"), operator, is_list=operator_name in ("in", "between"))
    return Group("AND", (Condition(name, operator, values, _BODY, key),), _BODY)


def located(problem: Problem) -> str:
    """What is wrong with a bound condition, and at which key of the body."""
    key = problem.location[-1] if problem.location else ""
    return f"filter_{key}: {problem.message}" if key in ("field", "operator", "value") else problem.message


def _text(body: Mapping[str, Any], key: str) -> str | None:
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise invalid("must be text", *_BODY, key, code="string_type")
    return value


def _field(name: str, key: str | None) -> tuple[str, str | None]:
    if name in UNFILTERED_FIELDS:
        raise invalid(f"{name} cannot be filtered by", *_BODY, "filter_field", code="unknown_field")
    if name in FIELD_NAMES:
        return FIELD_NAMES[name], (key or None) if name in KEYED_FIELDS else None
    return SCORES, name.removeprefix(_SCORE)


def _values(value: object, operator: Operator, is_list: bool) -> tuple[object, ...]:
    arity = OPERATORS[operator].arity
    if arity is Arity.NONE:
        return ()
    if arity is Arity.FLAG:
        return (True,)
    if is_list:
        return tuple(_list(value))
    return (value,)


def _list(value: object) -> list[object]:
    """A JSON list, else texts separated by commas."""
    if isinstance(value, list):
        return value
    if not isinstance(value, str):
        return [value]
    try:
        decoded = json.loads(value)
    except (ValueError, RecursionError):
        decoded = None
    return decoded if isinstance(decoded, list) else [part.strip() for part in value.split(",")]
