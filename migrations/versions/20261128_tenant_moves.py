"""Tenants can be moved to another shard: fences, how far a move is, and what changed since it was copied."""

import sqlalchemy as sa
from alembic import op

revision = "20261128_moves"
down_revision = "20261128_fold_scores"
branch_labels = None
depends_on = None

_ID = sa.Text(collation="C")

# A trigger of a move names its tenant. Changes of patches are logged by their own key, all others by their trace.
_LOG_MOVE = """
CREATE FUNCTION log_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.tenant_id = TG_ARGV[0]::int THEN
        IF TG_TABLE_NAME = 'patches' THEN
            INSERT INTO move_log (tenant_id, relation, trace_id, span_id)
            VALUES (OLD.tenant_id, TG_TABLE_NAME, OLD.trace_id, OLD.span_id);
        ELSE
            INSERT INTO move_log (tenant_id, relation, trace_id, span_id)
            VALUES (OLD.tenant_id, TG_TABLE_NAME, OLD.trace_id, '');
        END IF;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.tenant_id = TG_ARGV[0]::int THEN
        IF TG_TABLE_NAME = 'patches' THEN
            INSERT INTO move_log (tenant_id, relation, trace_id, span_id)
            VALUES (NEW.tenant_id, TG_TABLE_NAME, NEW.trace_id, NEW.span_id);
        ELSE
            INSERT INTO move_log (tenant_id, relation, trace_id, span_id)
            VALUES (NEW.tenant_id, TG_TABLE_NAME, NEW.trace_id, '');
        END IF;
    END IF;
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    op.create_table(
        "tenant_fences",
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("fence", _ID, nullable=False, comment="closed: no writes; gone: no reads either"),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_tenant_fences"),
    )
    op.create_table(
        "tenant_moves",
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("source", _ID, nullable=False),
        sa.Column("target", _ID, nullable=False),
        sa.Column("phase", _ID, nullable=False, comment="copying or arrived"),
        sa.Column("cursor", _ID, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_tenant_moves"),
    )
    op.create_table(
        "move_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("relation", _ID, nullable=False),
        sa.Column("trace_id", _ID, nullable=False),
        sa.Column("span_id", _ID, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_move_log"),
    )
    op.create_index("ix_move_log_tenant_id_id", "move_log", ["tenant_id", "id"])
    op.execute(_LOG_MOVE)


def downgrade() -> None:
    op.drop_table("move_log")
    op.execute("DROP FUNCTION log_move() CASCADE")
    op.drop_table("tenant_moves")
    op.drop_table("tenant_fences")
