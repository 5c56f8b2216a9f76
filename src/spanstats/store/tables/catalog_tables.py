"""Tables of the catalog: tenants, projects, experiments, evaluators, datasets of test cases."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from .columns import ByBytes, Time, metadata, optional, required, written_at

tenants = Table(
    "tenants",
    metadata,
    required("id", Integer, primary_key=True, server_default=Identity(always=True)),
    required("name", ByBytes, unique=True),
    written_at(),
    Column("shard", ByBytes, nullable=False, server_default=text("'first'"), comment="where all that is theirs lives"),
)

api_keys = Table(
    "api_keys",
    metadata,
    required("id", Integer, primary_key=True, server_default=Identity(always=True)),
    required("tenant_id", Integer),
    required("name", Text),
    required("hash", LargeBinary, unique=True),
    required("scope", Text, server_default="all"),
    written_at(),
    optional("revoked_at", Time),
)

projects = Table(
    "projects",
    metadata,
    required("tenant_id", Integer),
    required("id", ByBytes),
    required("name", ByBytes),
    written_at(),
    Column("baseline", ByBytes, nullable=True, comment="id of the experiment that a comparison without base is with"),
    PrimaryKeyConstraint("tenant_id", "id"),
    Index(None, "tenant_id", "name", unique=True),
)

experiments = Table(
    "experiments",
    metadata,
    required("key", BigInteger, primary_key=True, server_default=Identity(always=True)),
    required("tenant_id", Integer),
    required("id", ByBytes),
    required("created", Boolean, server_default=text("false"), comment="by the API, not just named by a span"),
    optional("project_id", ByBytes),
    optional("name", Text),
    optional("run_name", Text),
    Column("run_key", ByBytes, nullable=True, comment="digest of name and run name: unique in a project"),
    optional("created_by", Integer),
    optional("status", Text),
    optional("metadata", JSONB),
    Column("definition", JSONB, nullable=True, comment="what the creating request said beside the columns here"),
    optional("dataset_stats", JSONB),
    written_at(),
    optional("started_at", Time),
    optional("finished_at", Time),
    optional("deleted_at", Time),
    Column("baseline", ByBytes, nullable=True, comment="id of the experiment that a comparison without base is with"),
    Index(None, "tenant_id", "id", unique=True, postgresql_where=text("deleted_at IS NULL")),
    Index(
        None,
        "tenant_id",
        "project_id",
        "run_key",
        unique=True,
        postgresql_where=text("run_key IS NOT NULL AND deleted_at IS NULL"),
    ),
    Index(None, "tenant_id", "created_at", "key", postgresql_where=text("deleted_at IS NULL")),
    Index(None, "deleted_at", postgresql_where=text("deleted_at IS NOT NULL")),
)

evaluators = Table(
    "evaluators",
    metadata,
    required("tenant_id", Integer),
    required("key", ByBytes),
    optional("id", ByBytes),
    optional("slug", ByBytes),
    optional("name", ByBytes),
    required("value_type", ByBytes),
    PrimaryKeyConstraint("tenant_id", "key"),
)

datasets = Table(
    "datasets",
    metadata,
    required("id", Integer, primary_key=True, server_default=Identity(always=True)),
    required("tenant_id", Integer),
    required("name", ByBytes),
    required("column_names", JSONB),
    Column("request", ByBytes, nullable=False, comment="digest of the request that created it"),
    written_at(),
    written_at("changed_at"),
    Index(None, "tenant_id", "name", unique=True),
)

test_cases = Table(
    "test_cases",
    metadata,
    required("id", Integer, primary_key=True, server_default=Identity(always=True)),
    required("dataset_id", Integer, index=True),
    required("inputs", JSONB),
    optional("target", Text),
    required("tags", JSONB),
    Column("request", ByBytes, nullable=False, comment="digest of the request that brought it"),
    written_at(),
)
