"""Every minute that has a rollup is marked to be sliced.

A minute that has traces has one, or a mark that will be taken and handed on. The lock under which a trigger is made is
not held meanwhile: nobody waits for this.
"""

from alembic import op

revision = "20261125"
down_revision = "20261124"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("INSERT INTO slice_marks SELECT experiment_key, bucket FROM rollups WHERE level = 0")


def downgrade() -> None:
    """Marks too many do no harm."""
