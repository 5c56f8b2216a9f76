"""Payloads of old traces can be packed: one compressed row for most spans of a trace.

The version before reads no packed payloads, and may run beside this one: nothing is packed for a day.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261128_packed"
down_revision = "20261128_response"
branch_labels = None
depends_on = None

_ID = sa.Text(collation="C")

# The program compresses, so the database need not try. What fits a page is not taken apart into chunks.
_STORED_AS_IT_IS = """
ALTER TABLE packed_payloads ALTER COLUMN packed SET STORAGE EXTERNAL, SET (toast_tuple_target = 4080)
"""
_MUST_BE_EMPTY = """
DO $$ BEGIN
    IF EXISTS (SELECT 1 FROM packed_payloads) THEN
        RAISE EXCEPTION 'payloads are packed: run `spanstats unpack` first';
    END IF;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "packed_payloads",
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("trace_id", _ID, nullable=False),
        sa.Column("n_spans", sa.Integer(), nullable=False),
        sa.Column("content_bytes", sa.Integer(), nullable=False, comment="of all spans together, not compressed"),
        sa.Column("packed", sa.LargeBinary(), nullable=False, comment="the payloads, compressed (packed_format.py)"),
        sa.Column("metadata", JSONB(), nullable=True, comment="of each of the spans"),
        sa.Column("labels", JSONB(), nullable=True, comment="of each of the spans"),
        sa.PrimaryKeyConstraint("tenant_id", "trace_id", name="pk_packed_payloads"),
    )
    op.execute(_STORED_AS_IT_IS)
    op.create_table(
        "packing",
        sa.Column(
            "allowed_from",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="before this a version may run that reads no packed payloads",
        ),
        sa.Column(
            "block", sa.BigInteger(), nullable=False, comment="of `traces`: what it holds is to be looked at next"
        ),
    )
    op.execute("INSERT INTO packing VALUES (now() + interval '1 day', 0)")


def downgrade() -> None:
    op.execute(_MUST_BE_EMPTY)
    op.drop_table("packing")
    op.drop_table("packed_payloads")
