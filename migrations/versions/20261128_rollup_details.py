"""Rollups keep squares, all extremes, and how many costs are partial.

Every minute is marked, so that its rollup is computed again. A row that the code before this revision writes has no
`n_partial`: what needs the new columns does not read it.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261128_details"
down_revision = "20261128_partial"
branch_labels = None
depends_on = None

MEASURED = ("cost_pd", "prompt_tokens", "completion_tokens", "total_tokens", "latency_us", "tps", "ttft_us")
EXTREMES = [f"{end}_{name}" for name in MEASURED if name != "latency_us" for end in ("min", "max")]
SQUARES = [f"squares_{name}" for name in MEASURED]
MARK = "INSERT INTO rollup_marks (experiment_key, minute) SELECT experiment_key, bucket FROM rollups WHERE level = 0"


def upgrade() -> None:
    for name in EXTREMES:
        op.add_column("rollups", sa.Column(name, sa.BigInteger(), nullable=True))
    for name in SQUARES:
        op.add_column("rollups", sa.Column(name, sa.Numeric(), nullable=True))
    comment = "null: of before squares and other extremes were kept"
    op.add_column("rollups", sa.Column("n_partial", sa.Numeric(), nullable=True, comment=comment))
    op.execute(MARK)


def downgrade() -> None:
    for name in (*EXTREMES, *SQUARES, "n_partial"):
        op.drop_column("rollups", name)
