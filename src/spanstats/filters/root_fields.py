"""The fields of traces by what their root span itself says."""

from sqlalchemy import Text, literal_column, select

from ..store.tables import every_span, experiments, span_payloads
from .fields import (
    FieldTable,
    Mixed,
    Plain,
    Quantifier,
    SpanField,
    TraceScores,
)
from .json_sql import json_member, json_number, parameter
from .kinds import Kind
from .span_fields import SPAN_VALUES, metadata_value
from .trace_fields import trace_column


def _of_root(name: str) -> SpanField:
    has = SPAN_VALUES[name]
    return SpanField(value=has.value, table=has.table, quantifier=Quantifier.ROOT_SPAN)


def _document(name: str) -> SpanField:
    """A JSON document as text; texts without their quotes."""
    document = span_payloads.c[name].op("#>>", return_type=Text())(literal_column("'{}'"))
    return SpanField(value=Plain(Kind.TEXT, document), table=span_payloads, quantifier=Quantifier.ROOT_SPAN)


def _root_metadata(key: str) -> SpanField:
    value = metadata_value(span_payloads.c.metadata, key)
    return SpanField(value=value, table=span_payloads, quantifier=Quantifier.ROOT_SPAN)


def _root_input(key: str) -> SpanField:
    column, name = span_payloads.c.input, parameter(key)
    value = Mixed(json_member(column, name), json_number(column, name))
    return SpanField(value=value, table=span_payloads, quantifier=Quantifier.ROOT_SPAN)


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
        "trace_unique_id": trace_column(Kind.TEXT, "trace_id"),
        "span_unique_id": trace_column(Kind.TEXT, "root_span_id"),
        "span_name": trace_column(Kind.TEXT, "name"),
        "status": trace_column(Kind.STATUS, "status"),
        "start_time": trace_column(Kind.TIME, "start_time"),
        "end_time": trace_column(Kind.TIME, "end_time"),
        "latency": trace_column(Kind.DURATION, "latency_us"),
        "total_tokens": _of_root("total_request_tokens"),
        "experiment_id": SpanField(
            value=Plain(Kind.TEXT, _EXPERIMENT_ID), table=every_span, quantifier=Quantifier.ROOT_SPAN
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
