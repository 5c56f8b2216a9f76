"""Spans of old traces get a table with smaller indexes (`packed_spans`).

The version before reads none of its rows, and may run beside this one: nothing is packed for a day.
"""

from alembic import op

revision = "20261129_packed_spans"
down_revision = "20261128_same_response"
branch_labels = None
depends_on = None

# Columns of eight bytes first, then shorter ones, then texts: no bytes are lost between them.
_CREATE = """
CREATE TABLE packed_spans (
    start_time timestamptz NOT NULL,
    end_time timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    experiment_key bigint,
    latency_us bigint,
    ttft_us bigint,
    prompt_tokens bigint,
    completion_tokens bigint,
    total_tokens bigint,
    cache_read_tokens bigint,
    cache_write_tokens bigint,
    cost_pd bigint,
    prompt_price_pd bigint,
    completion_price_pd bigint,
    target_key bigint,
    tenant_id integer NOT NULL,
    status_code integer,
    borrow smallint NOT NULL,
    filled smallint NOT NULL,
    uncounted smallint NOT NULL,
    by_span_id boolean NOT NULL,
    usage_once boolean,
    parent_is_remote boolean,
    trace_id text COLLATE "C" NOT NULL,
    span_id text COLLATE "C" NOT NULL,
    parent_id text COLLATE "C",
    name text COLLATE "C",
    kind text COLLATE "C",
    workflow_name text COLLATE "C",
    status text COLLATE "C" NOT NULL,
    model text COLLATE "C",
    provider text COLLATE "C",
    response_id text COLLATE "C",
    input_key bytea
)
"""
_INDEXED = ("trace_id", "span_id", "start_time")
# A database without traces has no version before.
_NOT_FOR_A_DAY = """
UPDATE packing SET allowed_from = CASE WHEN EXISTS (SELECT 1 FROM traces)
    THEN greatest(allowed_from, now() + interval '1 day') ELSE allowed_from END
"""
_MUST_BE_EMPTY = """
DO $$ BEGIN
    IF EXISTS (SELECT 1 FROM packed_spans) THEN
        RAISE EXCEPTION 'traces are packed: run `spanstats unpack` first';
    END IF;
END $$
"""


def upgrade() -> None:
    op.execute(_CREATE)
    for column in _INDEXED:
        op.create_index(f"ix_packed_spans_tenant_id_{column}", "packed_spans", ["tenant_id", column])
    op.execute(_NOT_FOR_A_DAY)


def downgrade() -> None:
    op.execute(_MUST_BE_EMPTY)
    op.drop_table("packed_spans")
