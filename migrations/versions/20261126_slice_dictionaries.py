"""Values of names, labels and metadata in bit slices, numbered by dictionaries.

Slices that are there, or that the code before this revision makes, have none: they say so by a null, answer for other
fields as before, and are made anew in the background. Whoever deletes slices, a trigger deletes their dictionaries.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261126"
down_revision = "20261125"
branch_labels = None
depends_on = None

BITS = postgresql.BIT(varying=True)
TIME = sa.DateTime(timezone=True)
# Rows that are deleted and made anew.
CACHE = "autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 100"

FORGET = """
CREATE FUNCTION forget_dictionaries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM slice_dictionaries d USING (SELECT DISTINCT experiment_key, start_time FROM gone) g
    WHERE d.experiment_key = g.experiment_key AND d.start_time = g.start_time;
    RETURN NULL;
END
$$
"""
ON_GONE = """
CREATE TRIGGER forget_dictionaries AFTER DELETE ON slices REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION forget_dictionaries()
"""


def upgrade() -> None:
    op.create_table(
        "slice_dictionaries",
        sa.Column("experiment_key", sa.BigInteger(), nullable=False),
        sa.Column("start_time", TIME, nullable=False),
        sa.Column("chunk", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False, comment="different values"),
        sa.Column("listed", sa.ARRAY(postgresql.JSONB()), nullable=False, comment="these, numbered from 1"),
        sa.Column("bits", sa.ARRAY(BITS), nullable=False, comment="of the number of each trace's value; 0 is none"),
        sa.PrimaryKeyConstraint("experiment_key", "start_time", "chunk", "name", name=op.f("pk_slice_dictionaries")),
    )
    op.execute(f"ALTER TABLE slice_dictionaries SET ({CACHE})")
    op.execute(FORGET)
    comment = "names that traces have and no dictionary: '' is any; null: made without dictionaries"
    op.add_column("slices", sa.Column("unlisted", sa.ARRAY(sa.Text(collation="C")), nullable=True, comment=comment))
    op.execute(ON_GONE)
    op.create_index(
        "ix_slices_unlisted", "slices", ["experiment_key"], postgresql_where=sa.text("(unlisted = '{}') IS NOT TRUE")
    )
    op.create_index(
        "ix_slices_old", "slices", ["experiment_key"], postgresql_where=sa.text("unlisted IS NULL AND n > 0")
    )


def downgrade() -> None:
    op.drop_index("ix_slices_old", table_name="slices")
    op.drop_index("ix_slices_unlisted", table_name="slices")
    op.execute("DROP TRIGGER forget_dictionaries ON slices")
    op.execute("DROP FUNCTION forget_dictionaries()")
    op.drop_column("slices", "unlisted")
    op.drop_table("slice_dictionaries")
