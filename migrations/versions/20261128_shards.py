"""Tenants live in shards, each of which is a database; so far there is one."""

import sqlalchemy as sa
from alembic import op

revision = "20261128_shards"
down_revision = "20261128_scored_traces"
down_revision = "20261128_scored_traces"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "tenants",
        sa.Column(
            "shard",
            sa.Text(collation="C"),
            server_default=sa.text("'first'"),
            nullable=False,
            comment="where all that is theirs lives",
        ),
    )
    op.create_table(
        "shards",
        sa.Column(
            "name",
            sa.Text(collation="C"),
            nullable=False,
            comment="as in SPANSTATS_SHARDS; `first` has a row for each",
        ),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column(
            "installation",
            sa.Text(collation="C"),
            nullable=False,
            comment="the same in all databases that belong together",
        ),
        sa.PrimaryKeyConstraint("name", name="pk_shards"),
        sa.UniqueConstraint("number", name="uq_shards_number"),
    )


def downgrade() -> None:
    op.drop_table("shards")
    op.drop_column("tenants", "shard")
