"""The program leaves invalidations of columns itself; a trigger on `rollup_marks` does so for the version before."""

from alembic import op

revision = "20261128_no_triggers"
down_revision = "20261128_blocks"
branch_labels = None
depends_on = None

# It runs after the statement: what that has left is there already.
_HAND_ON = """
CREATE OR REPLACE FUNCTION hand_on_marks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO column_invalidations (experiment_key, minute)
    SELECT DISTINCT t.experiment_key, t.minute FROM taken t WHERE NOT EXISTS (
        SELECT 1 FROM column_invalidations i
        WHERE i.experiment_key = t.experiment_key AND i.minute = t.minute AND i.created_at = now()
    );
    RETURN NULL;
END
$$
"""
_BEFORE = """
CREATE OR REPLACE FUNCTION hand_on_marks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO column_invalidations (experiment_key, minute) SELECT DISTINCT experiment_key, minute FROM taken;
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    op.execute(_HAND_ON)


def downgrade() -> None:
    op.execute(_BEFORE)
