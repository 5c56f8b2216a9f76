"""What a chunk of traces is: the names of its columns, their types, and the version of all of this.

A chunk holds at most `MOST_TRACES` traces of one experiment, in order of start, then trace id; row i of every column is
the same trace. Columns are immutable.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

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

_MEMBERS = tuple(f"{column}." for column in OBJECTS)

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


Array: TypeAlias = NDArray[Any]
Mask: TypeAlias = NDArray[np.bool_]
"""One boolean for each row of a chunk."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Whole numbers: row i is `low + step * codes[i]`, or nothing where `valid[i]` is false (its code is 0 then).

    `codes` are unsigned, of 1, 2, 4 or 8 bytes; a broadcast zero where all are equal. `valid` is `None` where every
    row has a value.
    """

    low: int
    step: int
    codes: Array
    valid: Mask | None = None

    def values(self) -> NDArray[np.int64]:
        """The numbers; `low` where there is none."""
        # Modulo 2 ** 64, which is exact: every value fits 64 bits.
        scaled = self.codes.astype(np.uint64) * np.uint64(self.step) + np.uint64(self.low % 2**64)
        return scaled.view(np.int64)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Texts:
    """JSON values as text: row i has `values[codes[i] - 1]`, or none where its code is 0."""

    codes: Array
    values: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of one evaluator: score i belongs to the trace in row `rows[i]`, or in row i where `rows` is `None`.

    `values` are whole billionths, nothing for text and numbers out of range; `kinds` are 0 number, 1 boolean, 2 text.
    """

    values: Numbers
    kinds: Numbers
    rows: Array | None = None


@dataclass(frozen=True, slots=True)
class Digests:
    """Digests of 16 bytes: row i has `values[codes[i] - 1]`, or none where its code is 0.

    Where `codes` is `None`, row i has `values[i]`, or none where that is all zeros. A digest is two whole numbers, the
    bytes of each in network order.
    """

    codes: Array | None
    values: NDArray[np.uint64]

    def rows(self) -> NDArray[np.uint64]:
        """The digest of each row; two zeros where it has none."""
        if self.codes is None:
            return self.values
        digests: NDArray[np.uint64] = np.concatenate([np.zeros((1, 2), np.uint64), self.values])[self.codes]
        return digests


@dataclass(frozen=True, slots=True)
class SpanSums:
    """Of each value of a column of `spans` whole numbers, as `span_sums.py` has them."""

    rows: tuple[tuple[str | None, tuple[int, ...]], ...]


Column: TypeAlias = Numbers | Texts | Scores | Digests | SpanSums


@dataclass(frozen=True, slots=True)
class Info:
    """`n` traces; the names of all columns; names that traces have and that have no column, or `EVERY_NAME`."""

    n: int
    names: tuple[str, ...]
    omitted: tuple[str, ...] = ()

    def has(self, name: str) -> bool:
        """Whether the columns hold all of this name, also where no trace has a value of it."""
        if name.startswith(SCORES):
            return True
        if name in TEXTS or name.startswith(_MEMBERS):
            return name not in self.omitted and EVERY_NAME not in self.omitted
        return name in self.names


@dataclass(frozen=True, slots=True)
class Chunk:
    """Columns of the same traces. A name that is absent is a column without any value."""

    info: Info
    columns: Mapping[str, Column] = field(default_factory=dict)

    @property
    def n(self) -> int:
        return self.info.n

    def numbers(self, name: str) -> Numbers:
        """A column of `NUMBERS`."""
        column = self.columns[name]
        assert isinstance(column, Numbers)
        return column

    def texts(self, name: str) -> Texts | None:
        """A dictionary-encoded column; `None` where no trace has a value."""
        column = self.columns.get(name)
        assert column is None or isinstance(column, Texts)
        return column

    def item_keys(self) -> Digests:
        """Which item each trace is of."""
        column = self.columns[ITEM_KEY]
        assert isinstance(column, Digests)
        return column

    def scores(self, evaluator_key: str) -> Scores | None:
        """The scores of the evaluator; `None` where no trace has any."""
        column = self.columns.get(scores_column(evaluator_key))
        assert column is None or isinstance(column, Scores)
        return column

    def evaluators(self) -> list[str]:
        """The keys of all evaluators whose scores are here."""
        return [name.removeprefix(SCORES) for name in self.columns if name.startswith(SCORES)]
