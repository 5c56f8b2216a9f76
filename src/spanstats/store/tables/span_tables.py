"""Tables of what clients sent: spans, their payloads and scores, and overrides."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB

from .columns import ByBytes, Time, metadata, optional, required, written_at

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
    # One digest of all three: an entry takes 29 bytes instead of 90, and one of an id of any length is as short.
    Index(
        "ix_spans_same_response",
        text("hashtextextended(response_id, hashtextextended(trace_id, tenant_id::bigint))"),
        postgresql_where=text("response_id IS NOT NULL"),
    ),
)

USUAL = {
    "status": "'success'",
    "end_time": "start_time + latency_us * interval '1 microsecond'",
    **dict.fromkeys(("borrow", "filled", "uncounted"), "0::smallint"),
    "by_span_id": "false",
}
"""The values that packed spans do not store, by column: null means this value. In `spans` none of them is null."""

# Spans of packed traces, found by trace: without a key of each span, and with columns in an order without padding.
packed_spans = Table(
    "packed_spans",
    metadata,
    *(Column(c.name, c.type, nullable=c.nullable or c.name in USUAL) for c in spans.columns),
    Index(None, "tenant_id", "trace_id"),
    # A digest, as of response ids.
    Index("ix_packed_spans_by_id", text("hashtextextended(span_id, tenant_id::bigint)")),
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

# Payloads of spans that have no row in `span_payloads`: of one trace together (packed_payloads.py).
packed_payloads = Table(
    "packed_payloads",
    metadata,
    required("tenant_id", Integer),
    required("trace_id", ByBytes),
    required("n_spans", Integer),
    Column("content_bytes", Integer, nullable=False, comment="of all spans together, not compressed"),
    Column("packed", LargeBinary, nullable=False, comment="the payloads, compressed (packed_format.py)"),
    Column("metadata", JSONB, nullable=True, comment="of each of the spans"),
    Column("labels", JSONB, nullable=True, comment="of each of the spans"),
    Column("form", SmallInteger, nullable=True, comment="null: without the root"),
    # The root's payload can be read by filters. It has the same metadata and labels, and no error.
    optional("root_id", ByBytes),
    optional("root_input", JSON),
    optional("root_output", JSON),
    optional("root_target", JSON),
    optional("root_attributes", JSONB),
    PrimaryKeyConstraint("tenant_id", "trace_id"),
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

# Scores of long traces once more, some spans in a row, as a write of such a trace needs them (score_blocks.py).
score_blocks = Table(
    "score_blocks",
    metadata,
    required("tenant_id", Integer),
    required("trace_id", ByBytes),
    Column("start_us", BigInteger, nullable=False, comment="of the first span, in microseconds since 1970"),
    Column("span_id", ByBytes, nullable=False, comment="of the first span"),
    required("n_scores", Integer),
    Column("scores", LargeBinary, nullable=False, comment="the scores of the spans, as in a fold"),
    Column("entry", Text, nullable=False, comment="their part of a stats answer"),
    PrimaryKeyConstraint("tenant_id", "trace_id", "start_us", "span_id"),
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
