"""Rollups keep the spans and model calls of traces, traces without a root or a key, and repeated scores.

Every minute is marked, so that its rollup is computed again. A row that the code before this revision writes has no
`n_without_key`: what needs the new numbers does not read it.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261128_counts"
down_revision = "20261128_shards"
branch_labels = None
depends_on = None

COUNTED = ("n_spans", "n_llm_calls")
EXTREMES = [f"{end}_{name}" for name in COUNTED for end in ("min", "max")]
SUMS = [*COUNTED, *(f"squares_{name}" for name in COUNTED), "n_without_root"]
MARK = "INSERT INTO rollup_marks (experiment_key, minute) SELECT experiment_key, bucket FROM rollups WHERE level = 0"


def upgrade() -> None:
    for name in EXTREMES:
        op.add_column("rollups", sa.Column(name, sa.BigInteger(), nullable=True))
    for name in SUMS:
        op.add_column("rollups", sa.Column(name, sa.Numeric(), nullable=True))
    comment = "null: of before this and counts of spans were kept"
    op.add_column("rollups", sa.Column("n_without_key", sa.Numeric(), nullable=True, comment=comment))
    op.execute(MARK)


def downgrade() -> None:
    for name in (*EXTREMES, *SUMS, "n_without_key"):
        op.drop_column("rollups", name)
