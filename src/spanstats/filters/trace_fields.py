"""The fields of traces: those of the trace itself, of any of its spans, and its scores."""

from ..store.tables import traces
from .field_types import FieldType
from .fields import (
    Field,
    FieldTable,
    MemberField,
    NullMode,
    Plain,
    Quantifier,
    RowField,
    SpanField,
    TraceScores,
    UniformField,
)
from .json_sql import constant, json_member
from .span_fields import SPAN_VALUES, metadata_value

_COLUMNS = traces.c


def trace_column(type_: FieldType, name: str) -> RowField:
    """The field that a column of `traces` holds."""
    return RowField(value=Plain(type_, _COLUMNS[name]))


def _label(name: str) -> MemberField:
    value = Plain(FieldType.TEXT, json_member(_COLUMNS.labels, constant(name)))
    return MemberField(value=value, container=_COLUMNS.labels, key=name)


def _any_span(name: str) -> Field:
    has = SPAN_VALUES[name]
    if name == "model":
        return UniformField(value=has.value, table=has.table, of_trace=_COLUMNS.model, differs=_COLUMNS.many_models)
    return SpanField(value=has.value, table=has.table, quantifier=Quantifier.ANY_SPAN)


def trace_metadata(key: str) -> MemberField:
    """The value at a key of a trace's metadata: the root's if the root has the key, else that of another span."""
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
        "trace_unique_id": trace_column(FieldType.TEXT, "trace_id"),
        "root_span_unique_id": trace_column(FieldType.TEXT, "root_span_id"),
        "name": trace_column(FieldType.TEXT, "name"),
        "status": trace_column(FieldType.STATUS, "status"),
        "start_time": trace_column(FieldType.TIME, "start_time"),
        "end_time": trace_column(FieldType.TIME, "end_time"),
        "duration": trace_column(FieldType.DURATION, "latency_us"),
        "total_cost": trace_column(FieldType.MONEY, "cost_pd"),
        "total_tokens": trace_column(FieldType.INTEGER, "total_tokens"),
        "total_prompt_tokens": trace_column(FieldType.INTEGER, "prompt_tokens"),
        "total_completion_tokens": trace_column(FieldType.INTEGER, "completion_tokens"),
        "span_count": trace_column(FieldType.INTEGER, "n_spans"),
        "llm_call_count": trace_column(FieldType.INTEGER, "n_llm_calls"),
        "error_count": trace_column(FieldType.INTEGER, "n_errors"),
        **{name: _label(name) for name in TRACE_LABELS},
        **{name: _any_span(name) for name in _OF_ANY_SPAN},
    },
    keyed={"metadata": trace_metadata},
    scores=TraceScores,
)
"""Filters over rows of `traces`, as the logs of an experiment are filtered."""
