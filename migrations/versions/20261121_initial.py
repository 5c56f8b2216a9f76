"""The tables as they first were, the case-folding function, and storage settings of the busy tables."""

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError
from sqlalchemy.dialects import postgresql

revision = "20261121"
down_revision = None
branch_labels = None
depends_on = None

OLDEST_SERVER = 150000

# Each trace row is rewritten when spans arrive: room on the page keeps the new version beside the old one. Index-only
# scans need fresh visibility maps, and a fifth of a large table (the default) is far too late for that.
BUSY = "autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02"
STORAGE = {
    "spans": BUSY,
    "traces": f"fillfactor = 80, {BUSY}",
    # A log of a few rows that is written and emptied all the time. Truncating it would lock out the writers.
    "rollup_marks": (
        "vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, "
        "autovacuum_vacuum_insert_threshold = -1"
    ),
}


def upgrade() -> None:
    collation = _check_server()
    # Case-insensitive operators fold both sides by this one collation, never by the server's locale.
    op.execute(
        "CREATE FUNCTION lower_unicode(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE "
        f"AS $$ SELECT lower($1 COLLATE pg_catalog.{collation}) $$"
    )
    _create_tables()
    for table, settings in STORAGE.items():
        op.execute(f"ALTER TABLE {table} SET ({settings})")


def _check_server() -> str:
    """Refuse a server or a database that cannot keep the data right; answer the Unicode collation that it has."""
    connection = op.get_bind()
    version = int(connection.scalar(sa.text("SHOW server_version_num")) or 0)
    encoding = connection.scalar(sa.text("SHOW server_encoding"))
    if version < OLDEST_SERVER:
        raise CommandError(f"PostgreSQL 15 or later is needed, this server is {version // 10000}")
    if encoding != "UTF8":
        raise CommandError(
            f"the database's encoding is {encoding}, it must be UTF8: "
            "make another with CREATE DATABASE ... TEMPLATE template0 ENCODING 'UTF8'"
        )
    if version >= 180000:
        return "pg_unicode_fast"
    return "pg_c_utf8" if version >= 170000 else '"und-x-icu"'


def _create_tables() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("scope", sa.Text(), server_default="all", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_keys_hash")),
    )
    op.create_table(
        "datasets",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("column_names", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("request", sa.Text(collation="C"), nullable=False, comment="digest of the request that created it"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_datasets")),
    )
    op.create_index(op.f("ix_datasets_tenant_id_name"), "datasets", ["tenant_id", "name"], unique=True)
    op.create_table(
        "evaluators",
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("id", sa.Text(collation="C"), nullable=True),
        sa.Column("slug", sa.Text(collation="C"), nullable=True),
        sa.Column("name", sa.Text(collation="C"), nullable=True),
        sa.Column("value_type", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "key", name=op.f("pk_evaluators")),
    )
    op.create_table(
        "experiments",
        sa.Column("key", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column(
            "created",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="by the API, not just named by a span",
        ),
        sa.Column("project_id", sa.Text(collation="C"), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("run_name", sa.Text(), nullable=True),
        sa.Column(
            "run_key", sa.Text(collation="C"), nullable=True, comment="digest of name and run name: unique in a project"
        ),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "definition",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="what the creating request said beside the columns here",
        ),
        sa.Column("dataset_stats", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_experiments")),
    )
    op.create_index(
        op.f("ix_experiments_deleted_at"),
        "experiments",
        ["deleted_at"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_experiments_tenant_id_created_at_key"),
        "experiments",
        ["tenant_id", "created_at", "key"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        op.f("ix_experiments_tenant_id_id"),
        "experiments",
        ["tenant_id", "id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        op.f("ix_experiments_tenant_id_project_id_run_key"),
        "experiments",
        ["tenant_id", "project_id", "run_key"],
        unique=True,
        postgresql_where=sa.text("run_key IS NOT NULL AND deleted_at IS NULL"),
    )
    op.create_table(
        "patches",
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column(
            "trace_id",
            sa.Text(collation="C"),
            nullable=False,
            comment="empty where the span id alone is the identity",
        ),
        sa.Column("span_id", sa.Text(collation="C"), nullable=False),
        sa.Column("fields", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "trace_id", "span_id", name=op.f("pk_patches")),
    )
    op.create_table(
        "projects",
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_projects")),
    )
    op.create_index(op.f("ix_projects_tenant_id_name"), "projects", ["tenant_id", "name"], unique=True)
    op.create_table("rollup_lock", sa.Column("never_filled", sa.Boolean(), nullable=True))
    op.create_table(
        "rollup_marks",
        sa.Column("experiment_key", sa.BigInteger(), nullable=False),
        sa.Column("minute", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_rollup_marks_experiment_key_minute"), "rollup_marks", ["experiment_key", "minute"], unique=False
    )
    op.create_table(
        "rollups",
        sa.Column("experiment_key", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False, comment="0 minute, 1 hour, 2 day"),
        sa.Column("bucket", sa.DateTime(timezone=True), nullable=False),
        sa.Column("n", sa.Numeric(), nullable=False),
        sa.Column("n_errors", sa.Numeric(), nullable=False),
        sa.Column("cost_pd", sa.Numeric(), nullable=True),
        sa.Column("n_cost_pd", sa.Numeric(), nullable=False),
        sa.Column("prompt_tokens", sa.Numeric(), nullable=True),
        sa.Column("completion_tokens", sa.Numeric(), nullable=True),
        sa.Column("total_tokens", sa.Numeric(), nullable=True),
        sa.Column("latency_us", sa.Numeric(), nullable=True),
        sa.Column("n_latency_us", sa.Numeric(), nullable=False),
        sa.Column("min_latency_us", sa.BigInteger(), nullable=True),
        sa.Column("max_latency_us", sa.BigInteger(), nullable=True),
        sa.Column("tps", sa.Numeric(), nullable=True),
        sa.Column("n_tps", sa.Numeric(), nullable=False),
        sa.Column("ttft_us", sa.Numeric(), nullable=True),
        sa.Column("n_ttft_us", sa.Numeric(), nullable=False),
        sa.Column(
            "scores", postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment="evaluator key -> counts and sums"
        ),
        sa.PrimaryKeyConstraint("experiment_key", "level", "bucket", name=op.f("pk_rollups")),
    )
    op.create_table(
        "scores",
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("trace_id", sa.Text(collation="C"), nullable=False),
        sa.Column("span_id", sa.Text(collation="C"), nullable=False),
        sa.Column("source", sa.Text(collation="C"), nullable=False, comment="span, evaluator or api"),
        sa.Column("evaluator_key", sa.Text(collation="C"), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False, comment="place among the scores of its span and source"),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("value_type", sa.Text(collation="C"), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("metric_id", sa.BigInteger(), nullable=True),
        sa.Column("evaluator_id", sa.Text(collation="C"), nullable=True),
        sa.Column("slug", sa.Text(collation="C"), nullable=True),
        sa.Column("name", sa.Text(collation="C"), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "id", sa.Text(collation="C"), nullable=True, comment="public id, of those posted on their own (source api)"
        ),
        sa.Column("log_id", sa.Text(collation="C"), nullable=True, comment="the span or trace that the post named"),
        sa.Column("scorer", sa.Text(collation="C"), nullable=True),
        sa.Column(
            "details",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="what the post said beside the columns here",
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id", "trace_id", "span_id", "source", "evaluator_key", "ordinal", name=op.f("pk_scores")
        ),
    )
    op.create_index(
        op.f("ix_scores_tenant_id_id"),
        "scores",
        ["tenant_id", "id"],
        unique=False,
        postgresql_where=sa.text("id IS NOT NULL"),
    )
    op.create_table(
        "early_scores",
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("log_id", sa.Text(collation="C"), nullable=False),
        sa.Column("fields", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_early_scores")),
    )
    op.create_index(op.f("ix_early_scores_tenant_id_log_id"), "early_scores", ["tenant_id", "log_id"], unique=False)
    op.create_table(
        "span_payloads",
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("trace_id", sa.Text(collation="C"), nullable=False),
        sa.Column("span_id", sa.Text(collation="C"), nullable=False),
        sa.Column("input", postgresql.JSON(astext_type=sa.Text()), nullable=True),
        sa.Column("output", postgresql.JSON(astext_type=sa.Text()), nullable=True),
        sa.Column("target", postgresql.JSON(astext_type=sa.Text()), nullable=True),
        sa.Column("error", sa.Text(collation="C"), nullable=True),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("labels", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("attributes", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "trace_id", "span_id", name=op.f("pk_span_payloads")),
    )
    op.create_table(
        "spans",
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("trace_id", sa.Text(collation="C"), nullable=False),
        sa.Column("span_id", sa.Text(collation="C"), nullable=False),
        sa.Column("by_span_id", sa.Boolean(), nullable=False),
        sa.Column("parent_id", sa.Text(collation="C"), nullable=True),
        sa.Column("experiment_key", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.Text(collation="C"), nullable=True),
        sa.Column("kind", sa.Text(collation="C"), nullable=True),
        sa.Column("workflow_name", sa.Text(collation="C"), nullable=True),
        sa.Column("status", sa.Text(collation="C"), nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("model", sa.Text(collation="C"), nullable=True),
        sa.Column("provider", sa.Text(collation="C"), nullable=True),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("borrow", sa.SmallInteger(), nullable=False),
        sa.Column("latency_us", sa.BigInteger(), nullable=True),
        sa.Column("ttft_us", sa.BigInteger(), nullable=True),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=True),
        sa.Column("completion_tokens", sa.BigInteger(), nullable=True),
        sa.Column("total_tokens", sa.BigInteger(), nullable=True),
        sa.Column("cache_read_tokens", sa.BigInteger(), nullable=True),
        sa.Column("cache_write_tokens", sa.BigInteger(), nullable=True),
        sa.Column("cost_pd", sa.BigInteger(), nullable=True),
        sa.Column("prompt_price_pd", sa.BigInteger(), nullable=True),
        sa.Column("completion_price_pd", sa.BigInteger(), nullable=True),
        sa.Column(
            "filled", sa.SmallInteger(), nullable=False, comment="which values were not sent (domain/span.py, Filled)"
        ),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "trace_id", "span_id", name=op.f("pk_spans")),
    )
    op.create_index(op.f("ix_spans_tenant_id_start_time"), "spans", ["tenant_id", "start_time"], unique=False)
    op.create_index(op.f("ix_spans_tenant_id_span_id"), "spans", ["tenant_id", "span_id"], unique=False)
    op.create_table(
        "tenants",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenants")),
        sa.UniqueConstraint("name", name=op.f("uq_tenants_name")),
    )
    op.create_table(
        "test_cases",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.Column("inputs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("tags", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("request", sa.Text(collation="C"), nullable=False, comment="digest of the request that brought it"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_test_cases")),
    )
    op.create_index(op.f("ix_test_cases_dataset_id"), "test_cases", ["dataset_id"], unique=False)
    op.create_table(
        "traces",
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("trace_id", sa.Text(collation="C"), nullable=False),
        sa.Column("experiment_key", sa.BigInteger(), nullable=True),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("latency_us", sa.BigInteger(), nullable=True),
        sa.Column("ttft_us", sa.BigInteger(), nullable=True),
        sa.Column("tps", sa.BigInteger(), nullable=True, comment="thousandths of a token per second"),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=False),
        sa.Column("completion_tokens", sa.BigInteger(), nullable=False),
        sa.Column("total_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_pd", sa.BigInteger(), nullable=True),
        sa.Column("n_spans", sa.Integer(), nullable=False),
        sa.Column("n_errors", sa.Integer(), nullable=False),
        sa.Column("n_llm_calls", sa.Integer(), nullable=False),
        sa.Column("has_root", sa.Boolean(), nullable=False),
        sa.Column("many_models", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(collation="C"), nullable=False),
        sa.Column(
            "model", sa.Text(collation="C"), nullable=True, comment="of all spans that have one, null if they differ"
        ),
        sa.Column("name", sa.Text(collation="C"), nullable=True),
        sa.Column("root_span_id", sa.Text(collation="C"), nullable=True),
        sa.Column("labels", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("score_keys", postgresql.ARRAY(sa.Text(collation="C")), nullable=True),
        sa.Column(
            "score_values", postgresql.ARRAY(sa.BigInteger()), nullable=True, comment="whole billionths; null for text"
        ),
        sa.Column(
            "score_kinds",
            postgresql.ARRAY(sa.SmallInteger()),
            nullable=True,
            comment="0 number, 1 boolean, 2 text; null: all numbers",
        ),
        sa.Column("entry", sa.Text(), nullable=True, comment="the trace's part of a stats answer, ready to send"),
        sa.Column(
            "fold",
            sa.LargeBinary(),
            nullable=True,
            comment="of long traces, so that a span is added without reading all",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "trace_id", name=op.f("pk_traces")),
    )
    op.create_index(
        "ix_traces_experiment",
        "traces",
        ["experiment_key", "start_time", "trace_id"],
        unique=False,
        postgresql_include=[
            "cost_pd",
            "latency_us",
            "ttft_us",
            "tps",
            "prompt_tokens",
            "completion_tokens",
            "total_tokens",
            "n_errors",
            "many_models",
            "status",
            "model",
        ],
        postgresql_where=sa.text("experiment_key IS NOT NULL"),
    )
    op.create_index(
        "ix_traces_without_root",
        "traces",
        ["experiment_key"],
        unique=False,
        postgresql_where=sa.text("experiment_key IS NOT NULL AND NOT has_root"),
    )
    op.create_index(
        "ix_traces_start_time",
        "traces",
        ["start_time"],
        unique=False,
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on"},
    )
    op.create_index(
        "ix_traces_metadata",
        "traces",
        ["metadata"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"metadata": "jsonb_path_ops"},
    )


def downgrade() -> None:
    for table in (
        "early_scores",
        "traces",
        "test_cases",
        "tenants",
        "spans",
        "span_payloads",
        "scores",
        "rollups",
        "rollup_marks",
        "rollup_lock",
        "projects",
        "patches",
        "experiments",
        "evaluators",
        "datasets",
        "api_keys",
    ):
        op.drop_table(table)
    op.execute("DROP FUNCTION lower_unicode(text)")
