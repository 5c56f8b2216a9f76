"""The index of packed spans by id has one digest of tenant and id: half the bytes.

It is built beside running work, and the one before is dropped once it is there. The version before finds packed spans
by their id without an index then, which takes longer.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261129_packed_span_ids"
down_revision = "20261129_packed_usual"
branch_labels = None
depends_on = None

_TABLE = "packed_spans"
NAME, BEFORE = "ix_packed_spans_by_id", "ix_packed_spans_tenant_id_span_id"


def upgrade() -> None:
    _replace(BEFORE, NAME, [sa.text("hashtextextended(span_id, tenant_id::bigint)")])


def downgrade() -> None:
    _replace(NAME, BEFORE, ["tenant_id", "span_id"])


def _replace(before: str, name: str, columns: list[str | sa.TextClause]) -> None:
    with op.get_context().autocommit_block():
        # It waits for transactions that are running, in nobody's way.
        op.execute("SET lock_timeout = 0")
        # What an attempt that was broken off has left cannot be used.
        op.drop_index(name, _TABLE, if_exists=True, postgresql_concurrently=True)
        op.create_index(name, _TABLE, columns, postgresql_concurrently=True)
        op.drop_index(before, _TABLE, if_exists=True, postgresql_concurrently=True)
        op.execute("SET lock_timeout = '5s'")
