"""The fields of traces by what their root span itself says."""

from dataclasses import fields, replace

from sqlalchemy import ClauseElement, Text, literal_column, select

from ..store.tables import every_span, experiments, root_payloads, span_payloads
from .field_types import FieldType
from .fields import (
    FieldTable,
    Mixed,
    Plain,
    Quantifier,
    SpanField,
    TraceScores,
    Value,
)
from .json_sql import json_member, json_number, parameter
from .sources import adapted
from .span_fields import SPAN_VALUES, metadata_value
from .trace_fields import trace_column


def _of_root(name: str) -> SpanField:
    has = SPAN_VALUES[name]
    if has.table is not span_payloads:
        return SpanField(value=has.value, table=has.table, quantifier=Quantifier.ROOT_SPAN)
    return SpanField(value=_of_root_payload(has.value), table=root_payloads, quantifier=Quantifier.ROOT_SPAN)


def _of_root_payload(value: Value) -> Value:
    """The same value, read from the columns of the same names."""
    parts = {f.name: getattr(value, f.name) for f in fields(value)}
    of_root = {column: root_payloads.c[column.name] for column in span_payloads.c}
    return replace(value, **{name: adapted(p, of_root) for name, p in parts.items() if isinstance(p, ClauseElement)})


def _document(name: str) -> SpanField:
    """A JSON document as text; texts without their quotes."""
    document = root_payloads.c[name].op("#>>", return_type=Text())(literal_column("'{}'"))
    return SpanField(value=Plain(FieldType.TEXT, document), table=root_payloads, quantifier=Quantifier.ROOT_SPAN)


def _root_metadata(key: str) -> SpanField:
    value = metadata_value(root_payloads.c.metadata, key)
    return SpanField(value=value, table=root_payloads, quantifier=Quantifier.ROOT_SPAN)


def _root_input(key: str) -> SpanField:
    column, name = root_payloads.c.input, parameter(key)
    value = Mixed(json_member(column, name), json_number(column, name))
    return SpanField(value=value, table=root_payloads, quantifier=Quantifier.ROOT_SPAN)


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
