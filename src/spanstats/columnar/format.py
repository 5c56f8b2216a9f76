"""The format of a chunk: the names of its columns, and the version of the format.

A chunk holds at most `MOST_TRACES` traces of one experiment, in order of start, then trace id (`chunk.py`).
"""

FORMAT = 4
"""Of stored chunks. A chunk of an older format is encoded again; one of a newer format is read from the traces."""

MOST_TRACES = 65_536

START_MINUTE = "start_minute"
"""Minutes since 1970 in which the trace starts."""

START_MICROSECOND = "start_microsecond"
"""Microseconds after the beginning of that minute."""

FAILED = "failed"
"""1 where the status of the trace is `error`, else 0."""

KEY_SENT = "key_sent"
"""1 where the item key of the trace is of a comparison key that was sent, else 0."""

WITHOUT_KEY = "without_key"
"""1 where the trace has no item key, else 0."""

HAS_ROOT = "has_root"

MANY_MODELS = "many_models"
"""1 where spans of the trace name different models, else 0."""

UNPRICED = "n_unpriced"
"""How many spans have a model and tokens and no price."""

ITEM_KEY = "item_key"
"""Which item the trace is of: a digest. Omitted with `TARGET_KEY` where that of any trace is not derived yet."""

TARGET_KEY = "target_key"
"""A digest of the target, as a whole number."""

ARE_DERIVED = "are_derived"
"""Of a block of traces: whether the item keys of all of them are derived."""

MEASURED = (
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
    UNPRICED,
    TARGET_KEY,
)
"""Whole numbers of `traces`, by the names and in the units that they have there."""

FLAGS = (HAS_ROOT, MANY_MODELS)
"""Booleans of `traces`, 1 or 0."""

COMPUTED_FLAGS = (FAILED, KEY_SENT, WITHOUT_KEY)
"""1 or 0, of what `traces` hold."""

NUMBERS = (START_MINUTE, START_MICROSECOND, *MEASURED, *FLAGS, *COMPUTED_FLAGS)
"""Columns that every chunk has."""

TEXTS = ("status", "model", "name")
"""Texts of `traces`, dictionary-encoded."""

OBJECTS = ("labels", "metadata")
"""JSON objects of `traces`; each member that is not null is a column of its own, dictionary-encoded."""

MEMBERS = tuple(f"{column}." for column in OBJECTS)

EVERY_NAME = ""
"""Among the names of columns that a chunk omits: all that are dictionary-encoded."""

INFO = ""
"""The name under which the `Info` of a chunk is stored, beside its columns."""

SPAN_SUMS = {column: f"span_sums.{column}" for column in ("model", "name", "provider", "kind")}
"""Sums of the spans of the traces of a segment by these columns of `spans`, with the first chunk of the segment."""

SCORES = "scores."


def member_column(column: str, key: str) -> str:
    """The column of a member of a JSON object of `traces`."""
    return f"{column}.{key}"


def scores_column(evaluator_key: str) -> str:
    """The column of the scores of one evaluator."""
    return SCORES + evaluator_key
