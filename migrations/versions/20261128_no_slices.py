"""The tables of bit slices are gone. The version before reads and writes columns in their place.

A downgrade brings them back empty, as they were left.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261128_no_slices"
down_revision = "20261128_counts"
branch_labels = None
depends_on = None

BITS = postgresql.BIT(varying=True)
TIME = sa.DateTime(timezone=True)
NAMES = sa.ARRAY(sa.Text(collation="C"))
NUMBERS = ["cost_pd", "prompt_tokens", "completion_tokens", "total_tokens", "latency_us", "tps", "ttft_us"]
NUMBERS += ["n_errors", "n_spans", "n_llm_calls"]
TEXTS = ["status", "model"]
CACHE = "autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 100"
LOG = (
    "vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, "
    "autovacuum_vacuum_insert_threshold = -1"
)
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
    for table in ("slice_marks", "slice_dictionaries", "slice_scores", "slices"):
        op.drop_table(table)
    op.execute("DROP FUNCTION forget_dictionaries()")


def downgrade() -> None:
    _create_slices()
    _create_of_names("slice_scores", ["kind"], _scores())
    _create_of_names("slice_dictionaries", [], _dictionaries())
    op.create_table("slice_marks", *_columns({"experiment_key": sa.BigInteger(), "minute": TIME}), _created_at())
    op.create_index(op.f("ix_slice_marks_experiment_key_minute"), "slice_marks", ["experiment_key", "minute"])
    for table in ("slices", "slice_scores", "slice_dictionaries"):
        op.execute(f"ALTER TABLE {table} SET ({CACHE})")
    op.execute(f"ALTER TABLE slice_marks SET ({LOG})")
    op.execute(FORGET)
    op.execute(ON_GONE)


def _create_slices() -> None:
    op.create_table(
        "slices",
        *_columns({**KEY, "end_time": TIME, "n": sa.Integer()}),
        *_columns({"minutes": sa.ARRAY(TIME), "counts": sa.ARRAY(sa.Integer())}, nullable=True),
        *_columns({"every": BITS, "many_models": BITS}, nullable=True),
        *_columns(dict.fromkeys(NUMBERS, sa.ARRAY(BITS)), nullable=True),
        *_columns({f"{c}_values": NAMES for c in TEXTS}, nullable=True),
        *_columns({f"{c}_bits": sa.ARRAY(BITS) for c in TEXTS}, nullable=True),
        *_columns({"unlisted": NAMES}, nullable=True),
        sa.PrimaryKeyConstraint(*KEY, name=op.f("pk_slices")),
    )
    for name, where in (
        ("ix_slices_not_sliced", "n = 0"),
        ("ix_slices_unlisted", "(unlisted = '{}') IS NOT TRUE"),
        ("ix_slices_old", "unlisted IS NULL AND n > 0"),
    ):
        op.create_index(name, "slices", ["experiment_key"], postgresql_where=sa.text(where))


KEY = {"experiment_key": sa.BigInteger(), "start_time": TIME, "chunk": sa.Integer()}


def _create_of_names(table: str, key: list[str], columns: list[sa.Column]) -> None:
    """A table with rows by chunk and name."""
    primary = sa.PrimaryKeyConstraint(*KEY, "name", *key, name=op.f(f"pk_{table}"))
    op.create_table(table, *_columns({**KEY, "name": sa.Text(collation="C")}), *columns, primary)


def _scores() -> list[sa.Column]:
    found = _columns({"kind": sa.SmallInteger(), "scores": sa.ARRAY(sa.BigInteger())})
    return [*found, *_columns({"bits": sa.ARRAY(BITS), "places": sa.ARRAY(sa.Integer())}, nullable=True)]


def _dictionaries() -> list[sa.Column]:
    return _columns({"n": sa.Integer(), "listed": sa.ARRAY(postgresql.JSONB()), "bits": sa.ARRAY(BITS)})


def _columns(types: dict, *, nullable: bool = False) -> list[sa.Column]:
    return [sa.Column(name, type_, nullable=nullable) for name, type_ in types.items()]


def _created_at() -> sa.Column:
    return sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False)
