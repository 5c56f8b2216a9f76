"""Spans say whether their parent is a span of another process, which makes them roots.

No row is rewritten: of what was stored before, it is not known.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261128_remote"
down_revision = "20261128_item_key"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "spans",
        sa.Column("parent_is_remote", sa.Boolean(), nullable=True, comment="the parent is a span of another process"),
    )


def downgrade() -> None:
    op.drop_column("spans", "parent_is_remote")
