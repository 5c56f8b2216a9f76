"""The tables of what is made from the traces and can be made anew: rollups, and the bit slices of traces."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    text,
)
from sqlalchemy.dialects.postgresql import BIT, JSONB

from .tables import ByBytes, Time, metadata, optional, required, written_at

rollup_marks = Table(
    "rollup_marks",
    metadata,
    required("experiment_key", BigInteger),
    required("minute", Time),
    Index(None, "experiment_key", "minute"),
)

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
    PrimaryKeyConstraint("experiment_key", "level", "bucket"),
)

rollup_lock = Table("rollup_lock", metadata, optional("never_filled", Boolean))

BITS = BIT(varying=True)

NUMBERS = (
    "cost_pd",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "latency_us",
    "tps",
    "ttft_us",
    "n_errors",
    "n_spans",
    "n_llm_calls",
)
"""Columns of `traces` that are sliced."""

TEXTS = ("status", "model")
"""Columns of `traces` of few values, each of which has a bit string."""


def _of_chunk() -> tuple[Column[Any], ...]:
    """Which chunk of which stretch of time a row is of."""
    return required("experiment_key", BigInteger), required("start_time", Time), required("chunk", Integer)


_UNLISTED = "names that traces have and no dictionary: '' is any; null: made without dictionaries"

slices = Table(
    "slices",
    metadata,
    *_of_chunk(),
    required("end_time", Time),
    Column("n", Integer, nullable=False, comment="traces of this chunk; 0: it is not sliced"),
    Column("minutes", ARRAY(Time), nullable=True, comment="in which traces start, in order"),
    Column("counts", ARRAY(Integer), nullable=True, comment="traces by minute; bits stand in this order"),
    Column("every", BITS, nullable=True, comment="a one for each trace"),
    Column("many_models", BITS, nullable=True),
    *(Column(name, ARRAY(BITS), nullable=True, comment="who has a value, then its bits") for name in NUMBERS),
    *(Column(f"{name}_values", ARRAY(ByBytes), nullable=True) for name in TEXTS),
    *(Column(f"{name}_bits", ARRAY(BITS), nullable=True, comment="who has the value at this place") for name in TEXTS),
    Column("unlisted", ARRAY(ByBytes), nullable=True, comment=_UNLISTED),
    PrimaryKeyConstraint("experiment_key", "start_time", "chunk"),
    Index("ix_slices_not_sliced", "experiment_key", postgresql_where=text("n = 0")),
    Index("ix_slices_unlisted", "experiment_key", postgresql_where=text("(unlisted = '{}') IS NOT TRUE")),
    Index("ix_slices_old", "experiment_key", postgresql_where=text("unlisted IS NULL AND n > 0")),
)

# By what clients name: the trace's own `name`, and members of its `labels.` and `metadata.`. Those of slices that are
# deleted go by a trigger.
slice_dictionaries = Table(
    "slice_dictionaries",
    metadata,
    *_of_chunk(),
    required("name", ByBytes),
    Column("n", Integer, nullable=False, comment="different values"),
    Column("listed", ARRAY(JSONB), nullable=False, comment="these, numbered from 1"),
    Column("bits", ARRAY(BITS), nullable=False, comment="of the number of each trace's value; 0 is none"),
    PrimaryKeyConstraint("experiment_key", "start_time", "chunk", "name"),
)

slice_scores = Table(
    "slice_scores",
    metadata,
    *_of_chunk(),
    required("name", ByBytes),
    required("kind", SmallInteger),
    Column("scores", ARRAY(BigInteger), nullable=False, comment="whole billionths; null for text"),
    Column("bits", ARRAY(BITS), nullable=True, comment="who has the score at this place, where few differ"),
    Column("places", ARRAY(Integer), nullable=True, comment="else whose score it is: a place among the bits"),
    PrimaryKeyConstraint("experiment_key", "start_time", "chunk", "name", "kind"),
)

# Written by a trigger on `rollup_marks`: what is taken there is left here.
slice_marks = Table(
    "slice_marks",
    metadata,
    required("experiment_key", BigInteger),
    required("minute", Time),
    written_at(),
    Index(None, "experiment_key", "minute"),
)

CACHES = ("rollup_marks", "rollups", "slice_marks", "slices", "slice_scores")
"""In the order in which an experiment can be deleted from them: taking marks of rollups leaves marks of slices."""
