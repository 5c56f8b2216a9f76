"""The bit slices of traces, a cache beside the rollups.

What a rebuild of rollups takes from `rollup_marks`, a trigger leaves in `slice_marks`: also where the code before this
revision does the rebuild, so that slices are never taken for clean behind its back.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261124"
down_revision = "20261123"
branch_labels = None
depends_on = None

BITS = postgresql.BIT(varying=True)
NUMBERS = ["cost_pd", "prompt_tokens", "completion_tokens", "total_tokens", "latency_us", "tps", "ttft_us"]
NUMBERS += ["n_errors", "n_spans", "n_llm_calls"]
TEXTS = ["status", "model"]
TIME = sa.DateTime(timezone=True)

# A log that is written and emptied all the time, as `rollup_marks` is; and rows that are deleted and made anew.
LOG = (
    "vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, "
    "autovacuum_vacuum_insert_threshold = -1"
)
CACHE = "autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 100"

HAND_ON = """
CREATE FUNCTION hand_on_marks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO slice_marks (experiment_key, minute) SELECT DISTINCT experiment_key, minute FROM taken;
    RETURN NULL;
END
$$
"""
ON_TAKEN = """
CREATE TRIGGER hand_on_marks AFTER DELETE ON rollup_marks REFERENCING OLD TABLE AS taken
FOR EACH STATEMENT EXECUTE FUNCTION hand_on_marks()
"""


def upgrade() -> None:
    _create_tables()
    for table in ("slices", "slice_scores"):
        op.execute(f"ALTER TABLE {table} SET ({CACHE})")
    op.execute(f"ALTER TABLE slice_marks SET ({LOG})")
    op.execute(HAND_ON)
    op.execute(ON_TAKEN)


def _create_tables() -> None:
    op.create_table(
        "slices",
        sa.Column("experiment_key", sa.BigInteger(), nullable=False),
        sa.Column("start_time", TIME, nullable=False),
        sa.Column("chunk", sa.Integer(), nullable=False),
        sa.Column("end_time", TIME, nullable=False),
        sa.Column("n", sa.Integer(), nullable=False, comment="traces of this chunk; 0: it is not sliced"),
        sa.Column("minutes", sa.ARRAY(TIME), nullable=True, comment="in which traces start, in order"),
        sa.Column(
            "counts", sa.ARRAY(sa.Integer()), nullable=True, comment="traces by minute; bits stand in this order"
        ),
        sa.Column("every", BITS, nullable=True, comment="a one for each trace"),
        sa.Column("many_models", BITS, nullable=True),
        *(sa.Column(c, sa.ARRAY(BITS), nullable=True, comment="who has a value, then its bits") for c in NUMBERS),
        *(sa.Column(f"{c}_values", sa.ARRAY(sa.Text(collation="C")), nullable=True) for c in TEXTS),
        *(
            sa.Column(f"{c}_bits", sa.ARRAY(BITS), nullable=True, comment="who has the value at this place")
            for c in TEXTS
        ),
        sa.PrimaryKeyConstraint("experiment_key", "start_time", "chunk", name=op.f("pk_slices")),
    )
    op.create_table(
        "slice_scores",
        sa.Column("experiment_key", sa.BigInteger(), nullable=False),
        sa.Column("start_time", TIME, nullable=False),
        sa.Column("chunk", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("scores", sa.ARRAY(sa.BigInteger()), nullable=False, comment="whole billionths; null for text"),
        sa.Column("bits", sa.ARRAY(BITS), nullable=True, comment="who has the score at this place, where few differ"),
        sa.Column(
            "places", sa.ARRAY(sa.Integer()), nullable=True, comment="else whose score it is: a place among the bits"
        ),
        sa.PrimaryKeyConstraint("experiment_key", "start_time", "chunk", "name", "kind", name=op.f("pk_slice_scores")),
    )
    op.create_table(
        "slice_marks",
        sa.Column("experiment_key", sa.BigInteger(), nullable=False),
        sa.Column("minute", TIME, nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
    )
    op.create_index(op.f("ix_slice_marks_experiment_key_minute"), "slice_marks", ["experiment_key", "minute"])
    op.create_index("ix_slices_not_sliced", "slices", ["experiment_key"], postgresql_where=sa.text("n = 0"))


def downgrade() -> None:
    op.execute("DROP TRIGGER hand_on_marks ON rollup_marks")
    op.execute("DROP FUNCTION hand_on_marks()")
    for table in ("slice_marks", "slice_scores", "slices"):
        op.drop_table(table)
