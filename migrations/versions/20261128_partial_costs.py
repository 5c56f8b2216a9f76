"""An index of the traces whose cost leaves out a span without a price: they are few, and summaries count them.

It is built beside running work.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261128_partial"
down_revision = "20261128_invalid"
branch_labels = None
depends_on = None

NAME = "ix_traces_cost_partial"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # It waits for transactions that are running, in nobody's way.
        op.execute("SET lock_timeout = 0")
        # What an attempt that was broken off has left cannot be used.
        op.drop_index(NAME, "traces", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            NAME,
            "traces",
            ["experiment_key", "start_time"],
            postgresql_where=sa.text("experiment_key IS NOT NULL AND cost_pd IS NOT NULL AND n_unpriced > 0"),
            postgresql_concurrently=True,
        )
        op.execute("SET lock_timeout = '5s'")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        op.drop_index(NAME, "traces", if_exists=True, postgresql_concurrently=True)
        op.execute("SET lock_timeout = '5s'")
