"""A row of the primary's present life, by which a standby shows whose writes it has replayed."""

import sqlalchemy as sa
from alembic import op

revision = "20261128_lives"
down_revision = "20261128_item_index"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "primary_lives",
        sa.Column(
            "began_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="when the server that is the primary was started (standbys.py)",
        ),
        sa.PrimaryKeyConstraint("began_at", name="pk_primary_lives"),
    )


def downgrade() -> None:
    op.drop_table("primary_lives")
