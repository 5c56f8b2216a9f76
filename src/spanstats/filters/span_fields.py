"""The fields of spans: one row each, whether a span is what is filtered, any of a trace, or its root."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Numeric,
    Text,
    case,
    cast,
    exists,
    false,
    func,
    literal_column,
    or_,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB

from ..store.tables import scores, span_payloads, spans
from .fields import (
    FieldSpec,
    FieldTable,
    NullMode,
    Scope,
    given,
    json_member,
    jsonb_as_number,
    jsonb_as_text,
    jsonb_number,
    known,
)
from .json_values import json_at, path_of
from .kinds import Kind

_COLUMNS = spans.c
_LABELS, _ATTRIBUTES = span_payloads.c.labels, span_payloads.c.attributes


def _column(kind: Kind, name: str) -> FieldSpec:
    return FieldSpec(kind=kind, value=_COLUMNS[name])


def _label(name: str) -> FieldSpec:
    return FieldSpec(kind=Kind.TEXT, value=json_member(_LABELS, known(name)), table=span_payloads)


def _attribute(name: str) -> FieldSpec:
    return FieldSpec(kind=Kind.TEXT, value=json_member(_ATTRIBUTES, known(name)), table=span_payloads)


def _number(name: str) -> FieldSpec:
    return FieldSpec(kind=Kind.NUMBER, value=jsonb_number(_ATTRIBUTES, known(name)), table=span_payloads)


def _value(name: str) -> FieldSpec:
    number = jsonb_number(_ATTRIBUTES, known(name))
    return FieldSpec(kind=Kind.VALUE, value=json_member(_ATTRIBUTES, known(name)), number=number, table=span_payloads)


def _flag(name: str) -> FieldSpec:
    text = json_member(_ATTRIBUTES, known(name))
    value: ColumnElement[bool] = case((text == known("true"), true()), (text == known("false"), false()))
    return FieldSpec(kind=Kind.BOOLEAN, value=value, table=span_payloads)


def _list(name: str) -> FieldSpec:
    member = _ATTRIBUTES.op("->", return_type=JSONB())(known(name))
    is_list = func.jsonb_typeof(member) == known("array")
    items = case((is_list, member), else_=literal_column("'[]'::jsonb", JSONB()))
    elements = func.jsonb_array_elements_text(items).table_valued("value", joins_implicitly=True)
    value = literal_column("element.value", Text())
    return FieldSpec(kind=Kind.TEXT, value=value, table=span_payloads, elements=elements.render_derived(name="element"))


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

SPAN_FIELDS: dict[str, FieldSpec] = {
    "trace_unique_id": _column(Kind.TEXT, "trace_id"),
    "span_unique_id": _column(Kind.TEXT, "span_id"),
    "span_parent_id": _column(Kind.TEXT, "parent_id"),
    "is_root_span": FieldSpec(kind=Kind.BOOLEAN, value=_IS_ROOT),
    "span_name": _column(Kind.TEXT, "name"),
    "span_workflow_name": _column(Kind.TEXT, "workflow_name"),
    "log_type": _column(Kind.TEXT, "kind"),
    "model": _column(Kind.TEXT, "model"),
    "status": _column(Kind.STATUS, "status"),
    "status_code": FieldSpec(
        kind=Kind.VALUE, value=cast(_COLUMNS.status_code, Text()), number=cast(_COLUMNS.status_code, Numeric())
    ),
    "start_time": _column(Kind.TIME, "start_time"),
    "end_time": _column(Kind.TIME, "end_time"),
    "latency": _column(Kind.DURATION, "latency_us"),
    "time_to_first_token": _column(Kind.DURATION, "ttft_us"),
    "tokens_per_second": FieldSpec(kind=Kind.RATE, value=_tokens_per_second()),
    "cost": _column(Kind.MONEY, "cost_pd"),
    "prompt_tokens": _column(Kind.INTEGER, "prompt_tokens"),
    "completion_tokens": _column(Kind.INTEGER, "completion_tokens"),
    "total_request_tokens": _column(Kind.INTEGER, "total_tokens"),
    "prompt_cache_hit_tokens": _column(Kind.INTEGER, "cache_read_tokens"),
    "prompt_cache_creation_tokens": _column(Kind.INTEGER, "cache_write_tokens"),
    "error_message": FieldSpec(kind=Kind.TEXT, value=span_payloads.c.error, table=span_payloads),
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
    "provider_id": _column(Kind.TEXT, "provider"),
    "deployment_name": _attribute("deployment_name"),
    "prompt_id": _attribute("prompt_id"),
    "prompt_name": _attribute("prompt_name"),
    "prompt_version_number": _value("prompt_version_number"),
    "log_method": _attribute("log_method"),
    "error_class": _attribute("error_class"),
    "error_code": _value("error_code"),
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
"""Every field that a span has, by canonical name; which of them a row offers is the row's own choice."""


def span_metadata(key: str) -> FieldSpec:
    """The value of a metadata key of a span."""
    return FieldSpec(**member_of(span_payloads.c.metadata, key), table=span_payloads, null_mode=NullMode.NEGATION_FAILS)


def member_of(column: Column[Any], key: str) -> dict[str, Any]:
    """How the value at a key of a jsonb object is looked at, as arguments of `FieldSpec`."""
    value = json_at(column, key)
    if path_of(key) is not None:
        return {"kind": Kind.VALUE, "value": jsonb_as_text(value), "number": jsonb_as_number(value), "json": value}
    as_text, as_number = json_member(column, given(key)), jsonb_number(column, given(key))
    return {"kind": Kind.VALUE, "value": as_text, "number": as_number, "json": value}


_posted = scores.alias("posted")
_SAME_SCORE = [_posted.c[name] == scores.c[name] for name in ("tenant_id", "trace_id", "span_id", "evaluator_key")]
_NOT_HIDDEN = or_(
    scores.c.source != known("evaluator"),
    ~exists(literal_column("1")).where(*_SAME_SCORE, _posted.c.source == known("api")).correlate(scores),
)
"""A score that was posted on its own hides what an evaluator's span says of the same span and evaluator."""


def span_scores(keys: frozenset[str]) -> FieldSpec:
    """The scores of these evaluators on a span."""
    return FieldSpec(
        kind=Kind.REAL,
        value=scores.c.value,
        presence=scores.c.evaluator_key,
        scope=Scope.SPAN_SCORES,
        table=scores,
        null_mode=NullMode.NEGATION_FAILS,
        keys=keys,
        only=_NOT_HIDDEN,
    )


_NOT_OFFERED = frozenset(
    {"start_time", "end_time", "comparison_key", "dataset_id", "project_id", "project_name", "deployment_id", "tags"}
    | {"depth", "execution_order", "feedback_score", "cache_hit", "evaluation_metric_names"}
)

SPANS = FieldTable(
    fields={name: spec for name, spec in SPAN_FIELDS.items() if name not in _NOT_OFFERED},
    keyed={"metadata": span_metadata},
    scores=span_scores,
)
"""Filters over rows of `spans`, each joined to its row of `span_payloads`."""
