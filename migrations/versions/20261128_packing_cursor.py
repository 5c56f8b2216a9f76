"""Packing remembers up to which start it has looked at traces, so that a run looks only at those that have become old.

The version before takes no notice of it, and goes on through the blocks of the table.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261128_packing_cursor"
down_revision = "20261128_packed"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column(
        "packing",
        sa.Column("looked_until", _TIME, nullable=True, comment="traces that started before this were looked at"),
    )
    op.add_column(
        "packing",
        sa.Column("looked_at_all", _TIME, nullable=True, comment="when all traces were looked at last"),
    )


def downgrade() -> None:
    op.drop_column("packing", "looked_at_all")
    op.drop_column("packing", "looked_until")
