"""The fields of traces: those of the trace itself, of any of its spans, of its root span, and its scores."""

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Integer, Text, column, func, literal, literal_column, select

from ..store.tables import experiments, span_payloads, spans, traces
from .containment import containment
from .fields import FieldSpec, FieldTable, NullMode, Scope, given, json_member, json_number, known, scoped
from .json_values import path_of
from .kinds import Kind
from .span_fields import SPAN_FIELDS, member_of, span_metadata

_COLUMNS = traces.c

_SCORE = (
    func.unnest(_COLUMNS.score_keys, _COLUMNS.score_values)
    .table_valued(column("key", Text), column("value", BigInteger), joins_implicitly=True)
    .render_derived(name="score")
)


def _column(kind: Kind, name: str) -> FieldSpec:
    return FieldSpec(kind=kind, value=_COLUMNS[name], table=traces)


def _label(name: str) -> FieldSpec:
    value = json_member(_COLUMNS.labels, known(name))
    return FieldSpec(kind=Kind.TEXT, value=value, table=traces, member=("labels", name))


def _any_span(name: str) -> FieldSpec:
    summary = (_COLUMNS.model, _COLUMNS.many_models) if name == "model" else None
    return scoped(SPAN_FIELDS[name], Scope.ANY_SPAN, summary=summary)


def _metadata(key: str) -> FieldSpec:
    # A path looks at more than one member.
    is_member = path_of(key) is None
    return FieldSpec(
        **member_of(_COLUMNS.metadata, key),
        table=traces,
        null_mode=NullMode.NEGATION_FAILS,
        hint=containment(_COLUMNS.metadata, key),
        member=("metadata", key) if is_member else None,
    )


def trace_scores(keys: frozenset[str]) -> FieldSpec:
    """The scores of these evaluators in a trace."""
    return FieldSpec(
        kind=Kind.SCORE,
        value=_SCORE.c.value,
        presence=_SCORE.c.key,
        has=_COLUMNS.score_keys.op("&&", is_comparison=True)(literal(sorted(keys), ARRAY(Text()))),
        scope=Scope.TRACE_SCORES,
        table=traces,
        elements=_SCORE,
        null_mode=NullMode.NEGATION_FAILS,
        summary=_first_score(*keys) if len(keys) == 1 else None,
        keys=keys,
    )


def _first_score(key: str) -> tuple[ColumnElement[int], ColumnElement[bool]]:
    """The first score of the evaluator, and whether there are more: to look at all is three times the work."""
    keys, evaluator = _COLUMNS.score_keys, literal(key, Text())
    place = func.array_position(keys, evaluator, type_=Integer())
    after = func.coalesce(place + literal_column("1"), literal_column("1"))
    next_place = func.array_position(keys, evaluator, after, type_=Integer())
    return _COLUMNS.score_values[place], next_place.is_not(None)


_TRACE_LABELS = (
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
        **{name: _label(name) for name in _TRACE_LABELS},
        **{name: _any_span(name) for name in _OF_ANY_SPAN},
    },
    keyed={"metadata": _metadata},
    scores=trace_scores,
)
"""Filters over rows of `traces`, as the logs of an experiment are filtered."""


def _of_root(name: str) -> FieldSpec:
    return scoped(SPAN_FIELDS[name], Scope.ROOT_SPAN)


def _document(name: str) -> FieldSpec:
    """A JSON document as text; texts without their quotes."""
    whole = span_payloads.c[name].op("#>>", return_type=Text())(literal_column("'{}'"))
    return FieldSpec(kind=Kind.TEXT, value=whole, table=span_payloads, scope=Scope.ROOT_SPAN)


def _root_metadata(key: str) -> FieldSpec:
    return scoped(span_metadata(key), Scope.ROOT_SPAN, null_mode=NullMode.NEGATION_HOLDS)


def _root_input(key: str) -> FieldSpec:
    return FieldSpec(
        kind=Kind.VALUE,
        value=json_member(span_payloads.c.input, given(key)),
        number=json_number(span_payloads.c.input, given(key)),
        table=span_payloads,
        scope=Scope.ROOT_SPAN,
    )


_EXPERIMENT_ID = (
    select(experiments.c.id).where(experiments.c.key == spans.c.experiment_key).correlate(spans).scalar_subquery()
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
        "experiment_id": FieldSpec(kind=Kind.TEXT, value=_EXPERIMENT_ID, scope=Scope.ROOT_SPAN),
        "input": _document("input"),
        "output": _document("output"),
        "target": _document("target"),
        "metadata": _document("metadata"),
        **{name: _of_root(name) for name in _OF_ROOT},
    },
    keyed={"metadata": _root_metadata, "input": _root_input},
    scores=trace_scores,
)
"""Filters over rows of `traces` that have a root, by what the root span itself says, its own numbers, never sums.

Name, status, times and latency of such a trace are the root's own, so they are read from the trace.
"""
