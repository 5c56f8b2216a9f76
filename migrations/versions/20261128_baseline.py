"""Experiments and projects say which run theirs are compared with."""

import sqlalchemy as sa
from alembic import op

revision = "20261128_baseline"
down_revision = "20261128_unpriced"
branch_labels = None
depends_on = None

COMMENT = "id of the experiment that a comparison without base is with"


def upgrade() -> None:
    for table in ("experiments", "projects"):
        op.add_column(table, sa.Column("baseline", sa.Text(collation="C"), nullable=True, comment=COMMENT))


def downgrade() -> None:
    for table in ("projects", "experiments"):
        op.drop_column(table, "baseline")
