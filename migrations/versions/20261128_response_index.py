"""An index by response id, so that a new span of a long trace is not compared with all of its spans.

It has digests, since an entry of an index has a limit and these ids have none. It is built beside running work.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261128_response"
down_revision = "20261128_moves"
branch_labels = None
depends_on = None

NAME = "ix_spans_response"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # It waits for transactions that are running, in nobody's way.
        op.execute("SET lock_timeout = 0")
        # What an attempt that was broken off has left cannot be used.
        op.drop_index(NAME, "spans", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            NAME,
            "spans",
            ["tenant_id", "trace_id", sa.text("hashtextextended(response_id, 0)")],
            postgresql_where=sa.text("response_id IS NOT NULL"),
            postgresql_concurrently=True,
        )
        op.execute("SET lock_timeout = '5s'")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        op.drop_index(NAME, "spans", if_exists=True, postgresql_concurrently=True)
        op.execute("SET lock_timeout = '5s'")
