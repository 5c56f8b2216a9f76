"""The payload of a packed trace's root can be in the row of its packed payloads, where filters can look into it.

The version before reads no such roots, and may run beside this one: nothing is packed for a day. Rows without a number
of their form are packed again in the background.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSON, JSONB

revision = "20261129_packed_roots"
down_revision = "20261129_packed_spans"
branch_labels = None
depends_on = None

_TABLE = "packed_payloads"
_COLUMNS = {"root_id": sa.Text(collation="C"), "root_input": JSON, "root_output": JSON, "root_target": JSON}
# A database without traces has no version before.
_NOT_FOR_A_DAY = """
UPDATE packing SET allowed_from = CASE WHEN EXISTS (SELECT 1 FROM traces)
    THEN greatest(allowed_from, now() + interval '1 day') ELSE allowed_from END
"""
_MUST_BE_EMPTY = """
DO $$ BEGIN
    IF EXISTS (SELECT 1 FROM packed_payloads WHERE form IS NOT NULL) THEN
        RAISE EXCEPTION 'payloads are packed: run `spanstats unpack` first';
    END IF;
END $$
"""


def upgrade() -> None:
    op.add_column(_TABLE, sa.Column("form", sa.SmallInteger(), nullable=True, comment="null: without the root"))
    for name, kind in _COLUMNS.items():
        op.add_column(_TABLE, sa.Column(name, kind, nullable=True))
    op.add_column(_TABLE, sa.Column("root_attributes", JSONB, nullable=True))
    op.execute(_NOT_FOR_A_DAY)


def downgrade() -> None:
    op.execute(_MUST_BE_EMPTY)
    for name in ("root_attributes", *reversed(_COLUMNS), "form"):
        op.drop_column(_TABLE, name)
