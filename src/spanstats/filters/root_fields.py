"""The fields of traces by what their root span itself says."""

from dataclasses import fields, replace

from sqlalchemy import ClauseElement, Text, literal_column, select

from ..store.tables import every_span, experiments, packed_payloads, span_payloads
from .field_types import FieldType
from .fields import (
    FieldTable,
    MemberField,
    Mixed,
    Plain,
    Quantifier,
    SpanField,
    TraceScores,
    Value,
)
from .json_sql import json_member, json_number, parameter
from .sources import OF_PACKED, adapted
from .span_fields import SPAN_VALUES, metadata_value
from .trace_fields import trace_column, trace_metadata


def _of_root(name: str) -> SpanField:
    has = SPAN_VALUES[name]
    if has.table is not span_payloads:
        return SpanField(value=has.value, table=has.table, quantifier=Quantifier.ROOT_SPAN)
    return _of_payload(has.value, _if_packed(has.value))


def _of_payload(value: Value, packed: Value, in_trace: MemberField | None = None) -> SpanField:
    root = Quantifier.ROOT_SPAN
    return SpanField(value=value, packed=packed, table=span_payloads, quantifier=root, in_trace=in_trace)


_PACKED = OF_PACKED | {
    span_payloads.c[name]: packed_payloads.c[f"root_{name}"] for name in ("input", "output", "target", "attributes")
}


def _if_packed(value: Value) -> Value:
    """The same value of a root's packed payload."""
    parts = {f.name: getattr(value, f.name) for f in fields(value)}
    return replace(value, **{name: adapted(p, _PACKED) for name, p in parts.items() if isinstance(p, ClauseElement)})


def _document(name: str) -> SpanField:
    """A JSON document as text; texts without their quotes."""
    document = span_payloads.c[name].op("#>>", return_type=Text())(literal_column("'{}'"))
    value = Plain(FieldType.TEXT, document)
    return _of_payload(value, _if_packed(value))


def _root_metadata(key: str) -> SpanField:
    value, packed = (metadata_value(table.c.metadata, key) for table in (span_payloads, packed_payloads))
    return _of_payload(value, packed, in_trace=trace_metadata(key))


def _root_input(key: str) -> SpanField:
    name = parameter(key)
    value, packed = (
        Mixed(json_member(column, name), json_number(column, name))
        for column in (span_payloads.c.input, packed_payloads.c.root_input)
    )
    return _of_payload(value, packed)


_EXPERIMENT_ID = (
    select(experiments.c.id)
    .where(experiments.c.key == every_span.c.experiment_key)
    .correlate(every_span)
    .scalar_subquery()
)

_OF_ROOT = (
    "span_parent_id",
    "time_to_first_token",
    "prompt_tokens",
    "completion_tokens",
    "cost",
    "error_message",
    "cache_hit",
    "tags",
    "evaluation_metric_names",
    "depth",
    "execution_order",
    "feedback_score",
    "project_id",
    "project_name",
    "session_identifier",
    "customer_identifier",
    "deployment_id",
)

ROOTS = FieldTable(
    fields={
        "trace_unique_id": trace_column(FieldType.TEXT, "trace_id"),
        "span_unique_id": trace_column(FieldType.TEXT, "root_span_id"),
        "span_name": trace_column(FieldType.TEXT, "name"),
        "status": trace_column(FieldType.STATUS, "status"),
        "start_time": trace_column(FieldType.TIME, "start_time"),
        "end_time": trace_column(FieldType.TIME, "end_time"),
        "latency": trace_column(FieldType.DURATION, "latency_us"),
        "total_tokens": _of_root("total_request_tokens"),
        "experiment_id": SpanField(
            value=Plain(FieldType.TEXT, _EXPERIMENT_ID), table=every_span, quantifier=Quantifier.ROOT_SPAN
        ),
        "input": _document("input"),
        "output": _document("output"),
        "target": _document("target"),
        "metadata": _document("metadata"),
        **{name: _of_root(name) for name in _OF_ROOT},
    },
    keyed={"metadata": _root_metadata, "input": _root_input},
    scores=TraceScores,
)
"""Filters over rows of `traces` that have a root, by what the root span itself says, its own numbers, never sums.

Name, status, times and latency of such a trace are the root's own, so they are read from the trace.
"""
