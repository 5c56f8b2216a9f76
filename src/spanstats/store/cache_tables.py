"""The tables of caches (rollups, columns of traces), which can be computed from the traces again."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
)
from sqlalchemy.dialects.postgresql import JSONB

from .tables import ByBytes, Time, metadata, optional, required, written_at

rollup_marks = Table(
    "rollup_marks",
    metadata,
    required("experiment_key", BigInteger),
    required("minute", Time),
    Index(None, "experiment_key", "minute"),
)

_DETAILED = ("cost_pd", "prompt_tokens", "completion_tokens", "total_tokens", "latency_us", "tps", "ttft_us")

_COUNTED = ("n_spans", "n_llm_calls")

rollups = Table(
    "rollups",
    metadata,
    required("experiment_key", BigInteger),
    required("level", SmallInteger, comment="0 minute, 1 hour, 2 day"),
    required("bucket", Time),
    required("n", Numeric),
    required("n_errors", Numeric),
    optional("cost_pd", Numeric),
    required("n_cost_pd", Numeric),
    optional("prompt_tokens", Numeric),
    optional("completion_tokens", Numeric),
    optional("total_tokens", Numeric),
    optional("latency_us", Numeric),
    required("n_latency_us", Numeric),
    optional("min_latency_us", BigInteger),
    optional("max_latency_us", BigInteger),
    optional("tps", Numeric),
    required("n_tps", Numeric),
    optional("ttft_us", Numeric),
    required("n_ttft_us", Numeric),
    Column("scores", JSONB, nullable=True, comment="evaluator key -> counts and sums"),
    *(optional(f"{end}_{name}", BigInteger) for name in _DETAILED if name != "latency_us" for end in ("min", "max")),
    *(optional(f"squares_{name}", Numeric) for name in _DETAILED),
    Column("n_partial", Numeric, nullable=True, comment="null: of before squares and other extremes were kept"),
    *(optional(name, Numeric) for name in _COUNTED),
    *(optional(f"{end}_{name}", BigInteger) for name in _COUNTED for end in ("min", "max")),
    *(optional(f"squares_{name}", Numeric) for name in _COUNTED),
    optional("n_without_root", Numeric),
    Column("n_without_key", Numeric, nullable=True, comment="null: of before this and counts of spans were kept"),
    PrimaryKeyConstraint("experiment_key", "level", "bucket"),
)

rollup_lock = Table("rollup_lock", metadata, optional("never_filled", Boolean))

# Traces of an experiment that start in a range of whole minutes, as columns (`columnar/`). Never changed: what is
# written again gets a new id, which is random (`columnar/refresh.py`); those of earlier versions are of the sequence.
column_chunks = Table(
    "column_chunks",
    metadata,
    required("id", BigInteger, primary_key=True, server_default=Identity(always=True)),
    required("experiment_key", BigInteger),
    required("start_time", Time),
    required("end_time", Time),
    Column("number", Integer, nullable=False, comment="of several chunks of one range"),
    Column("n", Integer, nullable=False, comment="traces"),
    Column("format", SmallInteger, nullable=False, comment="what wrote it (columnar/format.py)"),
    Index(None, "experiment_key", "start_time"),
)

column_data = Table(
    "column_data",
    metadata,
    Column("chunk_id", BigInteger, ForeignKey("column_chunks.id", ondelete="CASCADE"), nullable=False),
    required("name", ByBytes),
    required("data", LargeBinary),
    PrimaryKeyConstraint("chunk_id", "name"),
)

# Minutes whose columns may differ from the traces. A refresh of rollups leaves here what it takes from `rollup_marks`;
# a trigger does so for the version before.
column_invalidations = Table(
    "column_invalidations",
    metadata,
    required("experiment_key", BigInteger),
    required("minute", Time),
    written_at(),
    Index(None, "experiment_key", "minute"),
)

LOCK = "LOCK TABLE rollup_lock IN EXCLUSIVE MODE"
"""Held to refresh a cache or to delete from it: two such transactions could undo each other.

First in its transaction: it takes no snapshot, so that of the next statement sees all that the one before committed.
"""

CACHES = ("rollup_marks", "rollups", "column_invalidations", "column_chunks")
"""In the order in which an experiment can be deleted from them: deleted invalidations of rollups leave ones of
columns."""
