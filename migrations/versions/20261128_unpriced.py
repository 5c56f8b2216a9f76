"""Traces say of how many of their spans the cost is not known."""

import sqlalchemy as sa
from alembic import op

revision = "20261128_unpriced"
down_revision = "20261128_remote"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "traces",
        sa.Column(
            "n_unpriced",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="spans whose tokens count and whose cost is not known",
        ),
    )


def downgrade() -> None:
    op.drop_column("traces", "n_unpriced")
