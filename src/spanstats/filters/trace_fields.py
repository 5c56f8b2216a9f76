"""The fields of traces: those of the trace itself, of any of its spans, of its root span, and its scores."""

from sqlalchemy import Text, literal_column, select

from ..store.tables import every_span, experiments, span_payloads, traces
from .fields import (
    Field,
    FieldTable,
    MemberField,
    Mixed,
    NullMode,
    Plain,
    Quantifier,
    RowField,
    SpanField,
    TraceScores,
    UniformField,
)
from .json_sql import constant, json_member, json_number, parameter
from .kinds import Kind
from .span_fields import SPAN_VALUES, metadata_value

_COLUMNS = traces.c


def _column(kind: Kind, name: str) -> RowField:
    return RowField(value=Plain(kind, _COLUMNS[name]))


def _label(name: str) -> MemberField:
    value = Plain(Kind.TEXT, json_member(_COLUMNS.labels, constant(name)))
    return MemberField(value=value, container=_COLUMNS.labels, key=name)


def _any_span(name: str) -> Field:
    has = SPAN_VALUES[name]
    if name == "model":
        return UniformField(value=has.value, table=has.table, of_trace=_COLUMNS.model, differs=_COLUMNS.many_models)
    return SpanField(value=has.value, table=has.table, quantifier=Quantifier.ANY_SPAN)


def _metadata(key: str) -> MemberField:
    value = metadata_value(_COLUMNS.metadata, key)
    return MemberField(
        value=value, container=_COLUMNS.metadata, key=key, null_mode=NullMode.NEGATION_FAILS, is_indexed=True
    )


TRACE_LABELS = (
    "comparison_key",
    "environment",
    "customer_identifier",
    "customer_email",
    "customer_name",
    "thread_identifier",
    "session_identifier",
    "trace_group_identifier",
    "custom_identifier",
    "evaluation_identifier",
    "dataset_id",
)
"""Labels of a trace that are fields of their own."""

_OF_ANY_SPAN = (
    "span_unique_id",
    "span_name",
    "span_workflow_name",
    "span_parent_id",
    "model",
    "provider_id",
    "deployment_name",
    "prompt_id",
    "prompt_name",
    "prompt_version_number",
    "log_type",
    "log_method",
    "status_code",
    "error_class",
    "error_fingerprint",
    "time_to_first_token",
    "tokens_per_second",
    "routing_time",
    "prompt_cache_hit_tokens",
    "prompt_cache_creation_tokens",
)

TRACES = FieldTable(
    fields={
        "trace_unique_id": _column(Kind.TEXT, "trace_id"),
        "root_span_unique_id": _column(Kind.TEXT, "root_span_id"),
        "name": _column(Kind.TEXT, "name"),
        "status": _column(Kind.STATUS, "status"),
        "start_time": _column(Kind.TIME, "start_time"),
        "end_time": _column(Kind.TIME, "end_time"),
        "duration": _column(Kind.DURATION, "latency_us"),
        "total_cost": _column(Kind.MONEY, "cost_pd"),
        "total_tokens": _column(Kind.INTEGER, "total_tokens"),
        "total_prompt_tokens": _column(Kind.INTEGER, "prompt_tokens"),
        "total_completion_tokens": _column(Kind.INTEGER, "completion_tokens"),
        "span_count": _column(Kind.INTEGER, "n_spans"),
        "llm_call_count": _column(Kind.INTEGER, "n_llm_calls"),
        "error_count": _column(Kind.INTEGER, "n_errors"),
        **{name: _label(name) for name in TRACE_LABELS},
        **{name: _any_span(name) for name in _OF_ANY_SPAN},
    },
    keyed={"metadata": _metadata},
    scores=TraceScores,
)
"""Filters over rows of `traces`, as the logs of an experiment are filtered."""


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
        "trace_unique_id": _column(Kind.TEXT, "trace_id"),
        "span_unique_id": _column(Kind.TEXT, "root_span_id"),
        "span_name": _column(Kind.TEXT, "name"),
        "status": _column(Kind.STATUS, "status"),
        "start_time": _column(Kind.TIME, "start_time"),
        "end_time": _column(Kind.TIME, "end_time"),
        "latency": _column(Kind.DURATION, "latency_us"),
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
