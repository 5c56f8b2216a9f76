"""Rollups keep how many traces have a number of each evaluator, last in the array of its counts and sums.

Every minute is marked, so that its rollup is computed again. Where the code before this revision writes a row, the
array is shorter: the number is then unknown.
"""

from alembic import op

revision = "20261128_scored_traces"
down_revision = "20261128_lives"
branch_labels = None
depends_on = None

MARK = "INSERT INTO rollup_marks (experiment_key, minute) SELECT experiment_key, bucket FROM rollups WHERE level = 0"


def upgrade() -> None:
    op.execute(MARK)


def downgrade() -> None:
    op.execute(MARK)
