"""Long traces keep the scores of their spans in blocks, so that a span with scores writes only some of them.

The version before reads no blocks, and may run beside this one: nothing is kept in blocks for a day where there are
traces. It folds a trace with blocks from its spans.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261128_blocks"
down_revision = "20261128_catalog_moves"
branch_labels = None
depends_on = None

_ID = sa.Text(collation="C")

# There is no version before where nothing was stored yet.
_ALLOW_FROM = """
UPDATE packing SET allowed_from = CASE WHEN EXISTS (SELECT 1 FROM traces)
    THEN greatest(allowed_from, now() + interval '1 day') ELSE now() END
"""
_MUST_BE_EMPTY = """
DO $$ BEGIN
    IF EXISTS (SELECT 1 FROM score_blocks) THEN
        RAISE EXCEPTION 'scores are in blocks: run `spanstats unpack` first';
    END IF;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "score_blocks",
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("trace_id", _ID, nullable=False),
        sa.Column("start_us", sa.BigInteger(), nullable=False, comment="of the first span, in microseconds since 1970"),
        sa.Column("span_id", _ID, nullable=False, comment="of the first span"),
        sa.Column("n_scores", sa.Integer(), nullable=False),
        sa.Column("scores", sa.LargeBinary(), nullable=False, comment="the scores of the spans, as in a fold"),
        sa.Column("entry", sa.Text(), nullable=False, comment="their part of a stats answer"),
        sa.PrimaryKeyConstraint("tenant_id", "trace_id", "start_us", "span_id", name="pk_score_blocks"),
    )
    op.execute(_ALLOW_FROM)


def downgrade() -> None:
    op.execute(_MUST_BE_EMPTY)
    op.drop_table("score_blocks")
