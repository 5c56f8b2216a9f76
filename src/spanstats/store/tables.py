"""The tables. Text is compared by bytes (`COLLATE "C"`), money is bigint picodollars, durations bigint microseconds.

No foreign key, unique index or trigger joins rows of different traces on the growing tables, and every row of a trace
is found by (tenant_id, trace_id).
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    TypeDecorator,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

ByBytes = Text(collation="C")


class Time(TypeDecorator[int]):
    """`timestamptz` that takes and gives microseconds since 1970 (the driver converts, see session.py)."""

    impl = DateTime(timezone=True)
    cache_ok = True


def _col(name: str, type_: Any, **options: Any) -> Column[Any]:
    return Column(name, type_, nullable=options.pop("nullable", False), **options)


def _maybe(name: str, type_: Any) -> Column[Any]:
    return Column(name, type_, nullable=True)


def _now(name: str = "created_at") -> Column[Any]:
    return _col(name, Time, server_default=func.now())


tenants = Table(
    "tenants",
    metadata,
    _col("id", Integer, primary_key=True, server_default=Identity(always=True)),
    _col("name", ByBytes, unique=True),
    _now(),
)

api_keys = Table(
    "api_keys",
    metadata,
    _col("id", Integer, primary_key=True, server_default=Identity(always=True)),
    _col("tenant_id", Integer),
    _col("name", Text),
    _col("hash", LargeBinary, unique=True),
    _col("scope", Text, server_default="all"),
    _now(),
    _maybe("revoked_at", Time),
)

projects = Table(
    "projects",
    metadata,
    _col("tenant_id", Integer),
    _col("id", ByBytes),
    _col("name", ByBytes),
    _now(),
    PrimaryKeyConstraint("tenant_id", "id"),
    Index(None, "tenant_id", "name", unique=True),
)

experiments = Table(
    "experiments",
    metadata,
    _col("key", BigInteger, primary_key=True, server_default=Identity(always=True)),
    _col("tenant_id", Integer),
    _col("id", ByBytes),
    _col("created", Boolean, server_default=text("false"), comment="by the API, not just named by a span"),
    _maybe("project_id", ByBytes),
    _maybe("name", Text),
    _maybe("run_name", Text),
    Column("run_key", ByBytes, nullable=True, comment="digest of name and run name: unique in a project"),
    _maybe("created_by", Integer),
    _maybe("status", Text),
    _maybe("metadata", JSONB),
    Column("definition", JSONB, nullable=True, comment="what the creating request said beside the columns here"),
    _maybe("dataset_stats", JSONB),
    _now(),
    _maybe("started_at", Time),
    _maybe("finished_at", Time),
    _maybe("deleted_at", Time),
    Index(None, "tenant_id", "id", unique=True, postgresql_where=text("deleted_at IS NULL")),
    Index(
        None,
        "tenant_id",
        "project_id",
        "run_key",
        unique=True,
        postgresql_where=text("run_key IS NOT NULL AND deleted_at IS NULL"),
    ),
    Index(None, "tenant_id", "created_at", "key", postgresql_where=text("deleted_at IS NULL")),
    Index(None, "deleted_at", postgresql_where=text("deleted_at IS NOT NULL")),
)

spans = Table(
    "spans",
    metadata,
    _col("tenant_id", Integer),
    _col("trace_id", ByBytes),
    _col("span_id", ByBytes),
    _col("by_span_id", Boolean),
    _maybe("parent_id", ByBytes),
    _maybe("experiment_key", BigInteger),
    _maybe("name", ByBytes),
    _maybe("kind", ByBytes),
    _maybe("workflow_name", ByBytes),
    _col("status", ByBytes),
    _maybe("status_code", Integer),
    _maybe("model", ByBytes),
    _maybe("provider", ByBytes),
    _col("start_time", Time),
    _col("end_time", Time),
    _col("borrow", SmallInteger),
    _maybe("latency_us", BigInteger),
    _maybe("ttft_us", BigInteger),
    _maybe("prompt_tokens", BigInteger),
    _maybe("completion_tokens", BigInteger),
    _maybe("total_tokens", BigInteger),
    _maybe("cache_read_tokens", BigInteger),
    _maybe("cache_write_tokens", BigInteger),
    _maybe("cost_pd", BigInteger),
    _maybe("prompt_price_pd", BigInteger),
    _maybe("completion_price_pd", BigInteger),
    _col("filled", SmallInteger, comment="which values were not sent (domain/span.py, Filled)"),
    _col("received_at", Time),
    PrimaryKeyConstraint("tenant_id", "trace_id", "span_id"),
    Index(None, "tenant_id", "span_id"),
    Index(None, "tenant_id", "start_time"),
)

span_payloads = Table(
    "span_payloads",
    metadata,
    _col("tenant_id", Integer),
    _col("trace_id", ByBytes),
    _col("span_id", ByBytes),
    _maybe("input", JSON),
    _maybe("output", JSON),
    _maybe("target", JSON),
    _maybe("error", ByBytes),
    _maybe("metadata", JSONB),
    _maybe("labels", JSONB),
    _maybe("attributes", JSONB),
    PrimaryKeyConstraint("tenant_id", "trace_id", "span_id"),
)

scores = Table(
    "scores",
    metadata,
    _col("tenant_id", Integer),
    _col("trace_id", ByBytes),
    _col("span_id", ByBytes),
    _col("source", ByBytes, comment="span, evaluator or api"),
    _col("evaluator_key", ByBytes),
    _col("ordinal", Integer, comment="place among the scores of its span and source"),
    _maybe("value", Double),
    _col("value_type", ByBytes),
    _maybe("text", Text),
    _maybe("reason", Text),
    _maybe("metric_id", BigInteger),
    _maybe("evaluator_id", ByBytes),
    _maybe("slug", ByBytes),
    _maybe("name", ByBytes),
    _now(),
    Column("id", ByBytes, nullable=True, comment="public id, of those posted on their own (source api)"),
    Column("log_id", ByBytes, nullable=True, comment="the span or trace that the post named"),
    _maybe("scorer", ByBytes),
    Column("details", JSONB, nullable=True, comment="what the post said beside the columns here"),
    PrimaryKeyConstraint("tenant_id", "trace_id", "span_id", "source", "evaluator_key", "ordinal"),
    Index(None, "tenant_id", "id", postgresql_where=text("id IS NOT NULL")),
)

# Scores posted on their own before their span or trace came.
early_scores = Table(
    "early_scores",
    metadata,
    _col("tenant_id", Integer),
    _col("id", ByBytes),
    _col("log_id", ByBytes),
    _col("fields", JSONB),
    _now(),
    PrimaryKeyConstraint("tenant_id", "id"),
    Index(None, "tenant_id", "log_id"),
)

evaluators = Table(
    "evaluators",
    metadata,
    _col("tenant_id", Integer),
    _col("key", ByBytes),
    _maybe("id", ByBytes),
    _maybe("slug", ByBytes),
    _maybe("name", ByBytes),
    _col("value_type", ByBytes),
    PrimaryKeyConstraint("tenant_id", "key"),
)

patches = Table(
    "patches",
    metadata,
    _col("tenant_id", Integer),
    _col("trace_id", ByBytes, comment="empty where the span id alone is the identity"),
    _col("span_id", ByBytes),
    _col("fields", JSONB),
    _now("changed_at"),
    PrimaryKeyConstraint("tenant_id", "trace_id", "span_id"),
)

MEASURED = "ix_traces_measured"
"""The index that summaries over traces are read from."""

traces = Table(
    "traces",
    metadata,
    _col("tenant_id", Integer),
    _col("trace_id", ByBytes),
    _maybe("experiment_key", BigInteger),
    _col("start_time", Time),
    _col("end_time", Time),
    _maybe("latency_us", BigInteger),
    _maybe("ttft_us", BigInteger),
    Column("tps", BigInteger, nullable=True, comment="thousandths of a token per second"),
    _col("prompt_tokens", BigInteger),
    _col("completion_tokens", BigInteger),
    _col("total_tokens", BigInteger),
    _maybe("cost_pd", BigInteger),
    _col("n_spans", Integer),
    _col("n_errors", Integer),
    _col("n_llm_calls", Integer),
    _col("has_root", Boolean),
    _col("many_models", Boolean),
    _col("status", ByBytes),
    Column("model", ByBytes, nullable=True, comment="of all spans that have one, null if they differ"),
    _maybe("name", ByBytes),
    _maybe("root_span_id", ByBytes),
    _maybe("labels", JSONB),
    _maybe("metadata", JSONB),
    _maybe("score_keys", ARRAY(ByBytes)),
    Column("score_values", ARRAY(BigInteger), nullable=True, comment="whole billionths; null for text"),
    Column("score_kinds", ARRAY(SmallInteger), nullable=True, comment="0 number, 1 boolean, 2 text; null: all numbers"),
    Column("entry", Text, nullable=True, comment="the trace's part of a stats answer, ready to send"),
    Column("fold", LargeBinary, nullable=True, comment="of long traces, so that a span is added without reading all"),
    PrimaryKeyConstraint("tenant_id", "trace_id"),
    # A scan takes apart each entry that it gives: what has a fixed place goes first, what may be null later, text last.
    # All are keys, none is included: a scan compares keys before it takes an entry apart or goes to the table.
    Index(
        MEASURED,
        "experiment_key",
        "start_time",
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "n_errors",
        "many_models",
        "latency_us",
        "cost_pd",
        "tps",
        "ttft_us",
        "status",
        "model",
        postgresql_where=text("experiment_key IS NOT NULL"),
    ),
    Index(
        "ix_traces_many_models",
        "experiment_key",
        "start_time",
        postgresql_where=text("experiment_key IS NOT NULL AND many_models"),
    ),
    Index(
        "ix_traces_without_root",
        "experiment_key",
        postgresql_where=text("experiment_key IS NOT NULL AND NOT has_root"),
    ),
    Index(
        "ix_traces_start_time",
        "start_time",
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on"},
    ),
    Index("ix_traces_metadata", "metadata", postgresql_using="gin", postgresql_ops={"metadata": "jsonb_path_ops"}),
)

rollup_marks = Table(
    "rollup_marks",
    metadata,
    _col("experiment_key", BigInteger),
    _col("minute", Time),
    Index(None, "experiment_key", "minute"),
)

rollups = Table(
    "rollups",
    metadata,
    _col("experiment_key", BigInteger),
    _col("level", SmallInteger, comment="0 minute, 1 hour, 2 day"),
    _col("bucket", Time),
    _col("n", Numeric),
    _col("n_errors", Numeric),
    _maybe("cost_pd", Numeric),
    _col("n_cost_pd", Numeric),
    _maybe("prompt_tokens", Numeric),
    _maybe("completion_tokens", Numeric),
    _maybe("total_tokens", Numeric),
    _maybe("latency_us", Numeric),
    _col("n_latency_us", Numeric),
    _maybe("min_latency_us", BigInteger),
    _maybe("max_latency_us", BigInteger),
    _maybe("tps", Numeric),
    _col("n_tps", Numeric),
    _maybe("ttft_us", Numeric),
    _col("n_ttft_us", Numeric),
    Column("scores", JSONB, nullable=True, comment="evaluator key -> counts and sums"),
    PrimaryKeyConstraint("experiment_key", "level", "bucket"),
)

rollup_lock = Table("rollup_lock", metadata, _maybe("never_filled", Boolean))

datasets = Table(
    "datasets",
    metadata,
    _col("id", Integer, primary_key=True, server_default=Identity(always=True)),
    _col("tenant_id", Integer),
    _col("name", ByBytes),
    _col("column_names", JSONB),
    Column("request", ByBytes, nullable=False, comment="digest of the request that created it"),
    _now(),
    _now("changed_at"),
    Index(None, "tenant_id", "name", unique=True),
)

test_cases = Table(
    "test_cases",
    metadata,
    _col("id", Integer, primary_key=True, server_default=Identity(always=True)),
    _col("dataset_id", Integer, index=True),
    _col("inputs", JSONB),
    _maybe("target", Text),
    _col("tags", JSONB),
    Column("request", ByBytes, nullable=False, comment="digest of the request that brought it"),
    _now(),
)
