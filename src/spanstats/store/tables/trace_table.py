"""The table of traces: one row for each trace with its sums, so that a summary reads no span."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from .columns import ByBytes, Time, metadata, optional, required

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
    # A scan decodes each entry that it gives: columns at a fixed offset go first, nullable ones next, text last.
    # All are keys, none is included: a scan compares keys before it decodes an entry or goes to the table.
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
