"""Every minute that is sliced is marked to be sliced anew, with dictionaries.

The lock under which a column is added is not held meanwhile: nobody waits for this.
"""

from alembic import op

revision = "20261127"
down_revision = "20261126"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "INSERT INTO slice_marks (experiment_key, minute) SELECT DISTINCT experiment_key, unnest(minutes) FROM slices"
    )


def downgrade() -> None:
    """Marks too many do no harm."""
