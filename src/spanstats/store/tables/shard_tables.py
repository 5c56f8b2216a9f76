"""Tables of shards: which databases belong together, which is the primary, and which tenants are being moved."""

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, PrimaryKeyConstraint, SmallInteger, Table

from .columns import ByBytes, Time, metadata, optional, required

shards = Table(
    "shards",
    metadata,
    Column("name", ByBytes, nullable=False, comment="as in SPANSTATS_SHARDS; `first` has a row for each"),
    required("number", SmallInteger, unique=True),
    Column("installation", ByBytes, nullable=False, comment="the same in all databases that belong together"),
    PrimaryKeyConstraint("name"),
)

primary_lives = Table(
    "primary_lives",
    metadata,
    required("began_at", Time, comment="when the server that is the primary was started (standbys.py)"),
    PrimaryKeyConstraint("began_at"),
)

# One row: how far the background has got with packing payloads (packing.py).
packing = Table(
    "packing",
    metadata,
    Column("allowed_from", Time, nullable=False, comment="before this a version may run that reads no packed payloads"),
    Column("block", BigInteger, nullable=False, comment="of `traces`: what it holds is to be looked at next"),
    Column("looked_until", Time, nullable=True, comment="traces that started before this were looked at"),
    Column("looked_at_all", Time, nullable=True, comment="when all traces were looked at last"),
)

# What keeps a tenant's requests out of this database (fences.py).
tenant_fences = Table(
    "tenant_fences",
    metadata,
    required("tenant_id", Integer),
    Column("fence", ByBytes, nullable=False, comment="closed: no writes; gone: no reads either"),
    PrimaryKeyConstraint("tenant_id"),
)

# Moves of tenants between shards that have begun and not ended (moves.py): in the directory what is moved where, in the
# new shard how far it is copied.
tenant_moves = Table(
    "tenant_moves",
    metadata,
    required("tenant_id", Integer),
    required("source", ByBytes),
    required("target", ByBytes),
    Column("phase", ByBytes, nullable=False, comment="copying or arrived"),
    optional("cursor", ByBytes),
    PrimaryKeyConstraint("tenant_id"),
)

# Rows of a tenant that is moved away which changed since they were copied; written by triggers that last as long as
# the move (copying.py).
move_log = Table(
    "move_log",
    metadata,
    required("id", BigInteger, primary_key=True, server_default=Identity(always=True)),
    required("tenant_id", Integer),
    required("relation", ByBytes),
    required("trace_id", ByBytes),
    required("span_id", ByBytes),
    Index(None, "tenant_id", "id"),
)
