"""A packed span has null in the place of the usual value of some columns.

The version before does not know what null means there, and may run beside this one: nothing is packed for a day.
"""

from alembic import op

revision = "20261129_packed_usual"
down_revision = "20261129_packed_roots"
branch_labels = None
depends_on = None

_COLUMNS = ("status", "end_time", "borrow", "filled", "uncounted", "by_span_id")
# A database without traces has no version before.
_NOT_FOR_A_DAY = """
UPDATE packing SET allowed_from = CASE WHEN EXISTS (SELECT 1 FROM traces)
    THEN greatest(allowed_from, now() + interval '1 day') ELSE allowed_from END
"""
_MUST_BE_EMPTY = """
DO $$ BEGIN
    IF EXISTS (SELECT 1 FROM packed_spans) THEN
        RAISE EXCEPTION 'traces are packed: run `spanstats unpack` first';
    END IF;
END $$
"""


def upgrade() -> None:
    for name in _COLUMNS:
        op.alter_column("packed_spans", name, nullable=True)
    op.execute(_NOT_FOR_A_DAY)


def downgrade() -> None:
    op.execute(_MUST_BE_EMPTY)
    for name in _COLUMNS:
        op.alter_column("packed_spans", name, nullable=False)
