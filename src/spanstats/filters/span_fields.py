"""The fields of spans: one row each, whether a span is what is filtered, any of a trace, or its root."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Numeric,
    Table,
    Text,
    case,
    cast,
    false,
    func,
    literal_column,
    or_,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB

from ..store.tables import every_span, span_payloads
from .field_types import FieldType
from .fields import FieldTable, Members, Mixed, NullMode, Plain, RowField, SpanScores, Value
from .json_sql import constant, json_member, jsonb_as_number, jsonb_as_text, jsonb_number, parameter
from .json_values import json_at, path_of

_COLUMNS = every_span.c
_LABELS, _ATTRIBUTES = span_payloads.c.labels, span_payloads.c.attributes


@dataclass(frozen=True, slots=True)
class SpanValue:
    """A value that a span has, and the table that holds it: `spans` or `span_payloads`."""

    value: Value
    table: Table = span_payloads


def _column(type_: FieldType, name: str) -> SpanValue:
    return SpanValue(Plain(type_, _COLUMNS[name]), every_span)


def _label(name: str) -> SpanValue:
    return SpanValue(Plain(FieldType.TEXT, json_member(_LABELS, constant(name))))


def _attribute(name: str) -> SpanValue:
    return SpanValue(Plain(FieldType.TEXT, json_member(_ATTRIBUTES, constant(name))))


def _number(name: str) -> SpanValue:
    return SpanValue(Plain(FieldType.NUMBER, jsonb_number(_ATTRIBUTES, constant(name))))


def _mixed(name: str) -> SpanValue:
    return SpanValue(Mixed(json_member(_ATTRIBUTES, constant(name)), jsonb_number(_ATTRIBUTES, constant(name))))


def _flag(name: str) -> SpanValue:
    text = json_member(_ATTRIBUTES, constant(name))
    value: ColumnElement[bool] = case((text == constant("true"), true()), (text == constant("false"), false()))
    return SpanValue(Plain(FieldType.BOOLEAN, value))


def _list(name: str) -> SpanValue:
    member = _ATTRIBUTES.op("->", return_type=JSONB())(constant(name))
    is_list = func.jsonb_typeof(member) == constant("array")
    items = case((is_list, member), else_=literal_column("'[]'::jsonb", JSONB()))
    elements = func.jsonb_array_elements_text(items).table_valued("value", joins_implicitly=True)
    return SpanValue(Members(literal_column("element.value", Text()), elements.render_derived(name="element")))


def _tokens_per_second() -> ColumnElement[int]:
    """Thousandths, half-even like `domain.measures`; null unless tokens and latency are positive."""
    tokens = _COLUMNS.completion_tokens * literal_column("1000000000", BigInteger())
    latency = _COLUMNS.latency_us
    quotient, twice = tokens.op("/", return_type=BigInteger())(latency), (tokens % latency) * literal_column("2")
    is_odd = quotient % literal_column("2") == literal_column("1")
    up = case((or_(twice > latency, (twice == latency) & is_odd), literal_column("1")), else_=literal_column("0"))
    positive = (latency > literal_column("0")) & (_COLUMNS.completion_tokens > literal_column("0"))
    return case((positive, quotient + up))


_IS_ROOT = or_(
    _COLUMNS.parent_id.is_(None),
    _COLUMNS.parent_is_remote.is_(True),
    _COLUMNS.parent_id == _COLUMNS.span_id,
    _COLUMNS.trace_id == _COLUMNS.span_id,
)

SPAN_VALUES: dict[str, SpanValue] = {
    "trace_unique_id": _column(FieldType.TEXT, "trace_id"),
    "span_unique_id": _column(FieldType.TEXT, "span_id"),
    "span_parent_id": _column(FieldType.TEXT, "parent_id"),
    "is_root_span": SpanValue(Plain(FieldType.BOOLEAN, _IS_ROOT), every_span),
    "span_name": _column(FieldType.TEXT, "name"),
    "span_workflow_name": _column(FieldType.TEXT, "workflow_name"),
    "log_type": _column(FieldType.TEXT, "kind"),
    "model": _column(FieldType.TEXT, "model"),
    "status": _column(FieldType.STATUS, "status"),
    "status_code": SpanValue(
        Mixed(cast(_COLUMNS.status_code, Text()), cast(_COLUMNS.status_code, Numeric())), every_span
    ),
    "start_time": _column(FieldType.TIME, "start_time"),
    "end_time": _column(FieldType.TIME, "end_time"),
    "latency": _column(FieldType.DURATION, "latency_us"),
    "time_to_first_token": _column(FieldType.DURATION, "ttft_us"),
    "tokens_per_second": SpanValue(Plain(FieldType.RATE, _tokens_per_second()), every_span),
    "cost": _column(FieldType.MONEY, "cost_pd"),
    "prompt_tokens": _column(FieldType.INTEGER, "prompt_tokens"),
    "completion_tokens": _column(FieldType.INTEGER, "completion_tokens"),
    "total_request_tokens": _column(FieldType.INTEGER, "total_tokens"),
    "prompt_cache_hit_tokens": _column(FieldType.INTEGER, "cache_read_tokens"),
    "prompt_cache_creation_tokens": _column(FieldType.INTEGER, "cache_write_tokens"),
    "error_message": SpanValue(Plain(FieldType.TEXT, span_payloads.c.error)),
    "environment": _label("environment"),
    "customer_identifier": _label("customer_identifier"),
    "customer_email": _label("customer_email"),
    "customer_name": _label("customer_name"),
    "thread_identifier": _label("thread_identifier"),
    "session_identifier": _label("session_identifier"),
    "trace_group_identifier": _label("trace_group_identifier"),
    "custom_identifier": _label("custom_identifier"),
    "evaluation_identifier": _label("evaluation_identifier"),
    "comparison_key": _label("comparison_key"),
    "dataset_id": _label("dataset_id"),
    "project_id": _label("project_id"),
    "project_name": _label("project_name"),
    "deployment_id": _label("deployment_id"),
    "organization_key_id": _attribute("organization_key_id"),
    "provider_id": _column(FieldType.TEXT, "provider"),
    "deployment_name": _attribute("deployment_name"),
    "prompt_id": _attribute("prompt_id"),
    "prompt_name": _attribute("prompt_name"),
    "prompt_version_number": _mixed("prompt_version_number"),
    "log_method": _attribute("log_method"),
    "error_class": _attribute("error_class"),
    "error_code": _mixed("error_code"),
    "error_fingerprint": _attribute("error_fingerprint"),
    "fault_domain": _attribute("fault_domain"),
    "cache_key": _attribute("cache_key"),
    "note": _attribute("note"),
    "routing_time": _number("routing_time"),
    "depth": _number("depth"),
    "execution_order": _number("execution_order"),
    "feedback_score": _number("feedback_score"),
    "stream": _flag("stream"),
    "has_tool_calls": _flag("has_tool_calls"),
    "cache_bit": _flag("cache_bit"),
    "cache_hit": _flag("cache_hit"),
    "used_custom_credential": _flag("used_custom_credential"),
    "positive_feedback": _flag("positive_feedback"),
    "behaviors": _list("behaviors"),
    "tags": _list("tags"),
    "evaluation_metric_names": _list("evaluation_metric_names"),
}
"""Every value that a span has, by canonical name; which of them a row offers is the row's own choice."""


def metadata_value(column: Column[Any], key: str) -> Mixed:
    """The value at a key of a jsonb object."""
    value = json_at(column, key)
    if path_of(key) is not None:
        return Mixed(jsonb_as_text(value), jsonb_as_number(value), value)
    return Mixed(json_member(column, parameter(key)), jsonb_number(column, parameter(key)), value)


def _metadata(key: str) -> RowField:
    value = metadata_value(span_payloads.c.metadata, key)
    return RowField(value=value, null_mode=NullMode.NEGATION_FAILS)


_NOT_OFFERED = frozenset(
    {"start_time", "end_time", "comparison_key", "dataset_id", "project_id", "project_name", "deployment_id", "tags"}
    | {"depth", "execution_order", "feedback_score", "cache_hit", "evaluation_metric_names"}
)

SPANS = FieldTable(
    fields={name: RowField(value=has.value) for name, has in SPAN_VALUES.items() if name not in _NOT_OFFERED},
    keyed={"metadata": _metadata},
    scores=SpanScores,
)
"""Filters over rows of `spans`, each joined to its row of `span_payloads`."""
