"""Long traces keep the scores of their spans beside their fold, so that a span without scores writes none of them.

Both the scores and the trace's part of a stats answer, which has them too, are stored as they are: to compress them
took longer than all else that a span of a long trace needs. What was stored before stays as it is.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261128_fold_scores"
down_revision = "20261128_no_slices"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "traces",
        sa.Column("fold_scores", sa.LargeBinary(), nullable=True, comment="of the fold: the scores of the spans"),
    )
    op.execute("ALTER TABLE traces ALTER COLUMN fold_scores SET STORAGE EXTERNAL")
    op.execute("ALTER TABLE traces ALTER COLUMN entry SET STORAGE EXTERNAL")


def downgrade() -> None:
    op.execute("ALTER TABLE traces ALTER COLUMN entry SET STORAGE EXTENDED")
    op.drop_column("traces", "fold_scores")
