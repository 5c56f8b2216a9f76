"""Which item of a data set a trace is of, so that runs can be compared item by item.

Traces that are there get their keys in the background. The code before this revision writes traces without one, which
get theirs so as well. The indexes are built beside running work.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261128_item_key"
down_revision = "20261128_usage"
branch_labels = None
depends_on = None

OF_EXPERIMENT = "experiment_key IS NOT NULL"
OF_ROOT = "of roots: digest of the input; empty: it says nothing"
ITEM = "which item it is of; empty: none; null: not derived yet"


def upgrade() -> None:
    op.add_column("spans", sa.Column("input_key", sa.LargeBinary(), nullable=True, comment=OF_ROOT))
    op.add_column(
        "spans", sa.Column("target_key", sa.BigInteger(), nullable=True, comment="of roots: digest of the target")
    )
    op.add_column("traces", sa.Column("item_key", sa.LargeBinary(), nullable=True, comment=ITEM))
    op.add_column(
        "traces", sa.Column("target_key", sa.BigInteger(), nullable=True, comment="digest of the root's target")
    )
    with op.get_context().autocommit_block():
        # It waits for transactions that are running, in nobody's way.
        op.execute("SET lock_timeout = 0")
        _build("ix_traces_item", ["experiment_key", "item_key"], OF_EXPERIMENT)
        _build("ix_traces_without_key", ["tenant_id", "trace_id"], f"item_key IS NULL AND {OF_EXPERIMENT}")
        op.execute("SET lock_timeout = '5s'")


def downgrade() -> None:
    for index in ("ix_traces_without_key", "ix_traces_item"):
        op.drop_index(index, "traces", if_exists=True)
    for table in ("traces", "spans"):
        op.drop_column(table, "target_key")
    op.drop_column("traces", "item_key")
    op.drop_column("spans", "input_key")


def _build(name: str, columns: list[str], where: str) -> None:
    # What an attempt that was broken off has left cannot be used.
    op.drop_index(name, "traces", if_exists=True, postgresql_concurrently=True)
    op.create_index(name, "traces", columns, postgresql_where=sa.text(where), postgresql_concurrently=True)
