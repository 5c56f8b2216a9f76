"""The columns of traces in chunks, a cache beside the rollups, in place of bit slices.

What a refresh of rollups takes from `rollup_marks`, the trigger there leaves in `column_invalidations`, whichever
version of the program does it. Nothing is left in `slice_marks` any more, and slices are emptied: the version before,
which may still run, makes none then, and reads the traces where a summary has a filter. Its tables are dropped by a
later migration.

Whoever deletes an experiment deletes its columns, also a version that does not know of them.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261128_columns"
down_revision = "20261128_baseline"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
TEXT = sa.Text(collation="C")

# A log that is written and emptied all the time, as `rollup_marks` is; and rows that are deleted and written again.
LOG = (
    "vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, "
    "autovacuum_vacuum_insert_threshold = -1"
)
CACHE = "autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 100"

# The trigger on `rollup_marks` calls it; all who delete there hold the lock of rollups.
HAND_ON = """
CREATE OR REPLACE FUNCTION hand_on_marks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO {} (experiment_key, minute) SELECT DISTINCT experiment_key, minute FROM taken;
    RETURN NULL;
END
$$
"""
FORGET = """
CREATE FUNCTION forget_columns() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM column_invalidations WHERE experiment_key IN (SELECT key FROM gone);
    DELETE FROM column_chunks WHERE experiment_key IN (SELECT key FROM gone);
    RETURN NULL;
END
$$
"""
ON_GONE = """
CREATE TRIGGER forget_columns AFTER DELETE ON experiments REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION forget_columns()
"""
RETIRED = "slices, slice_scores, slice_dictionaries, slice_marks"


def upgrade() -> None:
    # No refresh is under way then: none leaves marks in the old log, or slices that it does not invalidate.
    op.execute("LOCK TABLE rollup_lock IN EXCLUSIVE MODE")
    _create_tables()
    op.execute(HAND_ON.format("column_invalidations"))
    op.execute(FORGET)
    op.execute(ON_GONE)
    op.execute(f"TRUNCATE {RETIRED}")


def _create_tables() -> None:
    op.create_table(
        "column_chunks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("experiment_key", sa.BigInteger(), nullable=False),
        sa.Column("start_time", TIME, nullable=False),
        sa.Column("end_time", TIME, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="of several chunks of one range"),
        sa.Column("n", sa.Integer(), nullable=False, comment="traces"),
        sa.Column("format", sa.SmallInteger(), nullable=False, comment="what wrote it (columnar/format.py)"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_column_chunks")),
    )
    op.create_index(
        op.f("ix_column_chunks_experiment_key_start_time"), "column_chunks", ["experiment_key", "start_time"]
    )
    op.create_table(
        "column_data",
        sa.Column("chunk_id", sa.BigInteger(), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["chunk_id"], ["column_chunks.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("chunk_id", "name", name=op.f("pk_column_data")),
    )
    op.create_table(
        "column_invalidations",
        sa.Column("experiment_key", sa.BigInteger(), nullable=False),
        sa.Column("minute", TIME, nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
    )
    op.create_index(
        op.f("ix_column_invalidations_experiment_key_minute"), "column_invalidations", ["experiment_key", "minute"]
    )
    for table in ("column_chunks", "column_data"):
        op.execute(f"ALTER TABLE {table} SET ({CACHE})")
    op.execute(f"ALTER TABLE column_invalidations SET ({LOG})")


def downgrade() -> None:
    op.execute("LOCK TABLE rollup_lock IN EXCLUSIVE MODE")
    op.execute(HAND_ON.format("slice_marks"))
    op.execute("INSERT INTO slice_marks SELECT experiment_key, bucket FROM rollups WHERE level = 0")
    op.execute("INSERT INTO slice_marks SELECT experiment_key, minute FROM column_invalidations")
    op.execute("DROP TRIGGER forget_columns ON experiments")
    op.execute("DROP FUNCTION forget_columns()")
    for table in ("column_invalidations", "column_data", "column_chunks"):
        op.drop_table(table)
