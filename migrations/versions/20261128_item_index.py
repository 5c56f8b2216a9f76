"""The index by item key is found by an expression, so that a scan of a whole experiment does not take it.

It has the traces of an experiment in no order in which they are stored. Statistics of the order are of the first
column alone, so as (experiment_key, item_key) it looked as good to the planner as the indexes by start, and took twice
as long.
It is built beside running work.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261128_item_index"
down_revision = "20261128_details"
branch_labels = None
depends_on = None

OLD, NEW = "ix_traces_item", "ix_traces_by_item"


def upgrade() -> None:
    _replace(OLD, NEW, sa.text("(experiment_key + 0)"))


def downgrade() -> None:
    _replace(NEW, OLD, "experiment_key")


def _replace(old: str, new: str, experiment: "str | sa.TextClause") -> None:
    with op.get_context().autocommit_block():
        # It waits for transactions that are running, in nobody's way.
        op.execute("SET lock_timeout = 0")
        # What an attempt that was broken off has left cannot be used.
        op.drop_index(new, "traces", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            new,
            "traces",
            [experiment, "item_key"],
            postgresql_where=sa.text("experiment_key IS NOT NULL"),
            postgresql_concurrently=True,
        )
        op.drop_index(old, "traces", if_exists=True, postgresql_concurrently=True)
        op.execute("SET lock_timeout = '5s'")
