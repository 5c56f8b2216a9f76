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


def required(name: str, type_: Any, **options: Any) -> Column[Any]:
    """A column that is never null."""
    return Column(name, type_, nullable=options.pop("nullable", False), **options)


def optional(name: str, type_: Any) -> Column[Any]:
    """A column that may be null."""
    return Column(name, type_, nullable=True)


def written_at(name: str = "created_at") -> Column[Any]:
    """When the row's transaction began."""
    return required(name, Time, server_default=func.now())


tenants = Table(
    "tenants",
    metadata,
    required("id", Integer, primary_key=True, server_default=Identity(always=True)),
    required("name", ByBytes, unique=True),
    written_at(),
    Column("shard", ByBytes, nullable=False, server_default=text("'first'"), comment="where all that is theirs lives"),
)

shards = Table(
    "shards",
    metadata,
    Column("name", ByBytes, nullable=False, comment="as in SPANSTATS_SHARDS; `first` has a row for each"),
    required("number", SmallInteger, unique=True),
    Column("installation", ByBytes, nullable=False, comment="the same in all databases that belong together"),
    PrimaryKeyConstraint("name"),
)

api_keys = Table(
    "api_keys",
    metadata,
    required("id", Integer, primary_key=True, server_default=Identity(always=True)),
    required("tenant_id", Integer),
    required("name", Text),
    required("hash", LargeBinary, unique=True),
    required("scope", Text, server_default="all"),
    written_at(),
    optional("revoked_at", Time),
)

projects = Table(
    "projects",
    metadata,
    required("tenant_id", Integer),
    required("id", ByBytes),
    required("name", ByBytes),
    written_at(),
    Column("baseline", ByBytes, nullable=True, comment="id of the experiment that a comparison without base is with"),
    PrimaryKeyConstraint("tenant_id", "id"),
    Index(None, "tenant_id", "name", unique=True),
)

experiments = Table(
    "experiments",
    metadata,
    required("key", BigInteger, primary_key=True, server_default=Identity(always=True)),
    required("tenant_id", Integer),
    required("id", ByBytes),
    required("created", Boolean, server_default=text("false"), comment="by the API, not just named by a span"),
    optional("project_id", ByBytes),
    optional("name", Text),
    optional("run_name", Text),
    Column("run_key", ByBytes, nullable=True, comment="digest of name and run name: unique in a project"),
    optional("created_by", Integer),
    optional("status", Text),
    optional("metadata", JSONB),
    Column("definition", JSONB, nullable=True, comment="what the creating request said beside the columns here"),
    optional("dataset_stats", JSONB),
    written_at(),
    optional("started_at", Time),
    optional("finished_at", Time),
    optional("deleted_at", Time),
    Column("baseline", ByBytes, nullable=True, comment="id of the experiment that a comparison without base is with"),
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
    required("tenant_id", Integer),
    required("trace_id", ByBytes),
    required("span_id", ByBytes),
    required("by_span_id", Boolean),
    optional("parent_id", ByBytes),
    optional("experiment_key", BigInteger),
    optional("name", ByBytes),
    optional("kind", ByBytes),
    optional("workflow_name", ByBytes),
    required("status", ByBytes),
    optional("status_code", Integer),
    optional("model", ByBytes),
    optional("provider", ByBytes),
    required("start_time", Time),
    required("end_time", Time),
    required("borrow", SmallInteger),
    optional("latency_us", BigInteger),
    optional("ttft_us", BigInteger),
    optional("prompt_tokens", BigInteger),
    optional("completion_tokens", BigInteger),
    optional("total_tokens", BigInteger),
    optional("cache_read_tokens", BigInteger),
    optional("cache_write_tokens", BigInteger),
    optional("cost_pd", BigInteger),
    optional("prompt_price_pd", BigInteger),
    optional("completion_price_pd", BigInteger),
    required("filled", SmallInteger, comment="which values were not sent (domain/span.py, Filled)"),
    required("received_at", Time),
    Column("response_id", ByBytes, nullable=True, comment="what the provider calls its answer"),
    Column("usage_once", Boolean, nullable=True, comment="other spans may repeat its usage (domain/span.py)"),
    Column(
        "uncounted",
        SmallInteger,
        nullable=False,
        server_default=text("0"),
        comment="what does not enter the trace's sums (domain/span.py, Uncounted)",
    ),
    Column("input_key", LargeBinary, nullable=True, comment="of roots: digest of the input; empty: it says nothing"),
    Column("target_key", BigInteger, nullable=True, comment="of roots: digest of the target"),
    Column("parent_is_remote", Boolean, nullable=True, comment="the parent is a span of another process"),
    PrimaryKeyConstraint("tenant_id", "trace_id", "span_id"),
    Index(None, "tenant_id", "span_id"),
    Index(None, "tenant_id", "start_time"),
)

span_payloads = Table(
    "span_payloads",
    metadata,
    required("tenant_id", Integer),
    required("trace_id", ByBytes),
    required("span_id", ByBytes),
    optional("input", JSON),
    optional("output", JSON),
    optional("target", JSON),
    optional("error", ByBytes),
    optional("metadata", JSONB),
    optional("labels", JSONB),
    optional("attributes", JSONB),
    PrimaryKeyConstraint("tenant_id", "trace_id", "span_id"),
)

scores = Table(
    "scores",
    metadata,
    required("tenant_id", Integer),
    required("trace_id", ByBytes),
    required("span_id", ByBytes),
    required("source", ByBytes, comment="span, evaluator or api"),
    required("evaluator_key", ByBytes),
    required("ordinal", Integer, comment="place among the scores of its span and source"),
    optional("value", Double),
    required("value_type", ByBytes),
    optional("text", Text),
    optional("reason", Text),
    optional("metric_id", BigInteger),
    optional("evaluator_id", ByBytes),
    optional("slug", ByBytes),
    optional("name", ByBytes),
    written_at(),
    Column("id", ByBytes, nullable=True, comment="public id, of those posted on their own (source api)"),
    Column("log_id", ByBytes, nullable=True, comment="the span or trace that the post named"),
    optional("scorer", ByBytes),
    Column("details", JSONB, nullable=True, comment="what the post said beside the columns here"),
    PrimaryKeyConstraint("tenant_id", "trace_id", "span_id", "source", "evaluator_key", "ordinal"),
    Index(None, "tenant_id", "id", postgresql_where=text("id IS NOT NULL")),
)

# Scores posted on their own before their span or trace came.
early_scores = Table(
    "early_scores",
    metadata,
    required("tenant_id", Integer),
    required("id", ByBytes),
    required("log_id", ByBytes),
    required("fields", JSONB),
    written_at(),
    PrimaryKeyConstraint("tenant_id", "id"),
    Index(None, "tenant_id", "log_id"),
)

evaluators = Table(
    "evaluators",
    metadata,
    required("tenant_id", Integer),
    required("key", ByBytes),
    optional("id", ByBytes),
    optional("slug", ByBytes),
    optional("name", ByBytes),
    required("value_type", ByBytes),
    PrimaryKeyConstraint("tenant_id", "key"),
)

patches = Table(
    "patches",
    metadata,
    required("tenant_id", Integer),
    required("trace_id", ByBytes, comment="empty where the span id alone is the identity"),
    required("span_id", ByBytes),
    required("fields", JSONB),
    written_at("changed_at"),
    PrimaryKeyConstraint("tenant_id", "trace_id", "span_id"),
)

MEASURED = "ix_traces_measured"
"""The index that summaries over traces are read from."""

traces = Table(
    "traces",
    metadata,
    required("tenant_id", Integer),
    required("trace_id", ByBytes),
    optional("experiment_key", BigInteger),
    required("start_time", Time),
    required("end_time", Time),
    optional("latency_us", BigInteger),
    optional("ttft_us", BigInteger),
    Column("tps", BigInteger, nullable=True, comment="thousandths of a token per second"),
    required("prompt_tokens", BigInteger),
    required("completion_tokens", BigInteger),
    required("total_tokens", BigInteger),
    optional("cost_pd", BigInteger),
    required("n_spans", Integer),
    required("n_errors", Integer),
    required("n_llm_calls", Integer),
    required("has_root", Boolean),
    required("many_models", Boolean),
    required("status", ByBytes),
    Column("model", ByBytes, nullable=True, comment="of all spans that have one, null if they differ"),
    optional("name", ByBytes),
    optional("root_span_id", ByBytes),
    optional("labels", JSONB),
    optional("metadata", JSONB),
    optional("score_keys", ARRAY(ByBytes)),
    Column("score_values", ARRAY(BigInteger), nullable=True, comment="whole billionths; null for text"),
    Column("score_kinds", ARRAY(SmallInteger), nullable=True, comment="0 number, 1 boolean, 2 text; null: all numbers"),
    Column("entry", Text, nullable=True, comment="the trace's part of a stats answer, ready to send"),
    Column("fold", LargeBinary, nullable=True, comment="of long traces, so that a span is added without reading all"),
    Column("item_key", LargeBinary, nullable=True, comment="which item it is of; empty: none; null: not derived yet"),
    Column("target_key", BigInteger, nullable=True, comment="digest of the root's target"),
    Column(
        "n_unpriced",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="spans whose tokens count and whose cost is not known",
    ),
    Column("fold_scores", LargeBinary, nullable=True, comment="of the fold: the scores of the spans"),
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
    # An expression, so that only reads of items take it: as a column the planner takes it for scans of whole
    # experiments, whose traces it has in no order in which they are stored.
    Index(
        "ix_traces_by_item",
        text("(experiment_key + 0)"),
        "item_key",
        postgresql_where=text("experiment_key IS NOT NULL"),
    ),
    Index(
        "ix_traces_without_key",
        "tenant_id",
        "trace_id",
        postgresql_where=text("item_key IS NULL AND experiment_key IS NOT NULL"),
    ),
    Index(
        "ix_traces_cost_partial",
        "experiment_key",
        "start_time",
        postgresql_where=text("experiment_key IS NOT NULL AND cost_pd IS NOT NULL AND n_unpriced > 0"),
    ),
    Index(
        "ix_traces_start_time",
        "start_time",
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on"},
    ),
    Index("ix_traces_metadata", "metadata", postgresql_using="gin", postgresql_ops={"metadata": "jsonb_path_ops"}),
)

datasets = Table(
    "datasets",
    metadata,
    required("id", Integer, primary_key=True, server_default=Identity(always=True)),
    required("tenant_id", Integer),
    required("name", ByBytes),
    required("column_names", JSONB),
    Column("request", ByBytes, nullable=False, comment="digest of the request that created it"),
    written_at(),
    written_at("changed_at"),
    Index(None, "tenant_id", "name", unique=True),
)

test_cases = Table(
    "test_cases",
    metadata,
    required("id", Integer, primary_key=True, server_default=Identity(always=True)),
    required("dataset_id", Integer, index=True),
    required("inputs", JSONB),
    optional("target", Text),
    required("tags", JSONB),
    Column("request", ByBytes, nullable=False, comment="digest of the request that brought it"),
    written_at(),
)

primary_lives = Table(
    "primary_lives",
    metadata,
    required("began_at", Time, comment="when the server that is the primary was started (standbys.py)"),
    PrimaryKeyConstraint("began_at"),
)

# What keeps a tenant's requests out of this database (fences.py).
tenant_fences = Table(
    "tenant_fences",
    metadata,
    required("tenant_id", Integer),
    Column("fence", ByBytes, nullable=False, comment="closed: no writes; gone: no reads either"),
    PrimaryKeyConstraint("tenant_id"),
)

# Moves of tenants between shards that have begun and not ended (moves.py): in the directory what is moved where, in the
# new shard how far it is copied.
tenant_moves = Table(
    "tenant_moves",
    metadata,
    required("tenant_id", Integer),
    required("source", ByBytes),
    required("target", ByBytes),
    Column("phase", ByBytes, nullable=False, comment="copying or arrived"),
    optional("cursor", ByBytes),
    PrimaryKeyConstraint("tenant_id"),
)

# Rows of a tenant that is moved away which changed since they were copied; written by triggers that last as long as
# the move (copying.py).
move_log = Table(
    "move_log",
    metadata,
    required("id", BigInteger, primary_key=True, server_default=Identity(always=True)),
    required("tenant_id", Integer),
    required("relation", ByBytes),
    required("trace_id", ByBytes),
    required("span_id", ByBytes),
    Index(None, "tenant_id", "id"),
)
