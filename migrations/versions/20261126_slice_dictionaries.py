"""Values of names, labels and metadata in bit slices, numbered by dictionaries.

Slices that are there, or that the code before this revision makes, say of no name that it is listed: filters by these
read the traces.
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


def upgrade() -> None:
    op.create_table(
        "slice_dictionaries",
        sa.Column("experiment_key", sa.BigInteger(), nullable=False),
        sa.Column("start_time", TIME, nullable=False),
        sa.Column("chunk", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column(
            "listed", sa.ARRAY(postgresql.JSONB()), nullable=False, comment="the different values, numbered from 1"
        ),
        sa.Column("bits", sa.ARRAY(BITS), nullable=False, comment="of the number of each trace's value; 0 is none"),
        sa.PrimaryKeyConstraint("experiment_key", "start_time", "chunk", "name", name=op.f("pk_slice_dictionaries")),
    )
    op.execute(f"ALTER TABLE slice_dictionaries SET ({CACHE})")
    op.add_column(
        "slices",
        sa.Column(
            "unlisted",
            sa.ARRAY(sa.Text(collation="C")),
            nullable=True,
            comment="names without a dictionary that traces have; null: any",
        ),
    )
    op.create_index(
        "ix_slices_unlisted",
        "slices",
        ["experiment_key"],
        postgresql_where=sa.text("(unlisted = '{}') IS NOT TRUE"),
    )


def downgrade() -> None:
    op.drop_index("ix_slices_unlisted", table_name="slices")
    op.drop_column("slices", "unlisted")
    op.drop_table("slice_dictionaries")
