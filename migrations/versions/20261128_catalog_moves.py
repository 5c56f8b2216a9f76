"""Moves of tenants log changes of their catalogs too: these are copied before writes are refused."""

from alembic import op

revision = "20261128_catalog_moves"
down_revision = "20261128_packing_cursor"
branch_labels = None
depends_on = None

# A trigger of a move names its tenant and the column by which rows are found. Test cases are the tenant's of their
# dataset. The key stands in the log where other changes have their trace.
_LOG_CATALOG_MOVE = """
CREATE FUNCTION log_catalog_move() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    tenant int := TG_ARGV[0]::int;
    of_row jsonb;
    is_theirs boolean;
BEGIN
    FOREACH of_row IN ARRAY ARRAY[
        CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END
    ] LOOP
        CONTINUE WHEN of_row IS NULL;
        is_theirs := CASE WHEN TG_TABLE_NAME = 'test_cases'
            THEN EXISTS (SELECT 1 FROM datasets WHERE id = (of_row ->> 'dataset_id')::int AND tenant_id = tenant)
            ELSE (of_row ->> 'tenant_id')::int = tenant
        END;
        IF is_theirs THEN
            INSERT INTO move_log (tenant_id, relation, trace_id, span_id)
            VALUES (tenant, TG_TABLE_NAME, of_row ->> TG_ARGV[1], '');
        END IF;
    END LOOP;
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    op.execute(_LOG_CATALOG_MOVE)


def downgrade() -> None:
    op.execute("DROP FUNCTION log_catalog_move() CASCADE")
