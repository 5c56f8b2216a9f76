"""Spans say which call they tell of, whether other spans may repeat their usage, and what of theirs does not count.

What was stored before counts as it did: the defaults are written nowhere, so no row is rewritten.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261128_usage"
down_revision = "20261126"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "spans",
        sa.Column("response_id", sa.Text(collation="C"), nullable=True, comment="what the provider calls its answer"),
    )
    op.add_column(
        "spans",
        sa.Column(
            "usage_once",
            sa.Boolean(),
            nullable=True,
            comment="other spans may repeat its usage (domain/span.py)",
        ),
    )
    op.add_column(
        "spans",
        sa.Column(
            "uncounted",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="what does not enter the trace's sums (domain/span.py, Uncounted)",
        ),
    )


def downgrade() -> None:
    for column in ("uncounted", "usage_once", "response_id"):
        op.drop_column("spans", column)
