"""Every minute that has a rollup is invalid, and so are minutes that may have one soon: columns begin empty.

A minute that has traces has a rollup, or a mark that will be taken and handed on. The lock under which a trigger is
made is not held meanwhile: no writer waits for this.
"""

from alembic import op

revision = "20261128_invalid"
down_revision = "20261128_columns"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("INSERT INTO column_invalidations SELECT experiment_key, bucket FROM rollups WHERE level = 0")


def downgrade() -> None:
    """Invalidations too many do no harm."""
