"""By what traces and spans are grouped: names of dimensions, as filters have them, made what columns and SQL hold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..columnar.dimensions import ByNumber, ByScore, ByText
from ..columnar.dimensions import Dimension as ColumnDimension
from ..columnar.format import member_column
from ..domain.values import NANO
from ..errors import invalid
from .measures import SCORES, Asked

MAX_DIMENSIONS = 2

Key: TypeAlias = Any
"""A JSON value."""

TRACE, SPAN = "trace", "span"
UNITS = (TRACE, SPAN)

MODEL = "model"
METADATA = "metadata."
_METADATA_OF_FILTERS = "metadata__"
_SCORES_OF_FILTERS = "scores__"

TEXTS = {"status": "status", "name": "name", MODEL: "model"}
"""Dimensions that are texts of the trace, by column."""

LABELS = (
    "environment",
    "customer_identifier",
    "customer_email",
    "customer_name",
    "thread_identifier",
    "session_identifier",
    "trace_group_identifier",
    "custom_identifier",
    "evaluation_identifier",
    "comparison_key",
    "dataset_id",
)

NUMBERS = {
    "span_count": "n_spans",
    "llm_call_count": "n_llm_calls",
    "error_count": "n_errors",
    "total_tokens": "total_tokens",
    "prompt_tokens": "prompt_tokens",
    "completion_tokens": "completion_tokens",
}
"""Dimensions that are whole numbers of the trace, by column."""

OF_SPANS = {"model": "model", "span_name": "name", "provider_id": "provider", "log_type": "kind"}
"""Dimensions of each span, by column of `spans`."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """One of what is grouped by. A `label` or `metadata` key is a member of the trace's object of that name; `scores`
    are the keys of an evaluator."""

    name: str
    label: str | None = None
    metadata: str | None = None
    score: str | None = None

    @property
    def is_of_spans(self) -> bool:
        """Whether only spans have it; the model is of both."""
        return self.name in OF_SPANS

    def column(self) -> ColumnDimension:
        """What it is in columns of traces."""
        if self.score is not None:
            return ByScore(self.score)
        if self.name in NUMBERS:
            return ByNumber(NUMBERS[self.name])
        return ByText(self.text_column())

    def of_trace(self) -> str:
        """The column of its JSON values, where a dictionary-encoded one could hold it, else a column of `traces`."""
        return NUMBERS[self.name] if self.name in NUMBERS else self.text_column()

    def text_column(self) -> str:
        """The dictionary-encoded column that holds it."""
        if self.label is not None:
            return member_column("labels", self.label)
        return TEXTS[self.name] if self.metadata is None else member_column("metadata", self.metadata)

    def key(self, found: Key) -> Key:
        """The key as it is answered: a score in its own unit."""
        if self.score is not None and found is not None:
            whole, rest = divmod(found, NANO)
            return whole if rest == 0 else found / NANO
        return found


def dimension(name: str, evaluator_keys: Mapping[str, frozenset[str]]) -> Dimension:
    """The dimension of this name, as filters or answers spell it. Raises `InvalidInput` located at `group_by`."""
    for prefix in (METADATA, _METADATA_OF_FILTERS):
        if name.startswith(prefix) and name != prefix:
            key = name.removeprefix(prefix)
            return Dimension(METADATA + key, metadata=key)
    for prefix in (SCORES, _SCORES_OF_FILTERS):
        if name.startswith(prefix):
            return Dimension(name, score=_evaluator(name.removeprefix(prefix), evaluator_keys))
    if name in LABELS:
        return Dimension(name, label=name)
    if name in TEXTS or name in NUMBERS or name in OF_SPANS:
        return Dimension(name)
    known = ", ".join((*TEXTS, *LABELS, *NUMBERS, *(n for n in OF_SPANS if n not in TEXTS)))
    raise invalid(
        f"unknown dimension {name[:100]!r}; known are {known}, metadata.<key> and scores.<evaluator>",
        "group_by",
        kind="unknown_dimension",
    )


def evaluator_of(name: str) -> str | None:
    """What the evaluator is called that a dimension names, `None` for other dimensions."""
    for prefix in (SCORES, _SCORES_OF_FILTERS):
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return None


def _evaluator(name: str, keys: Mapping[str, frozenset[str]]) -> str:
    found = keys.get(name, frozenset())
    if len(found) != 1:
        problem = "no evaluator is" if not found else f"{len(found)} evaluators are"
        raise invalid(f"{problem} called {name[:100]!r}", "group_by", kind="unknown_dimension")
    (key,) = found
    return key


def check_measures(measures: Iterable[Asked]) -> None:
    """Raises `InvalidInput` for measures that spans do not have."""
    wrong = [asked.measure.name for asked in measures if asked.measure.trace_only or asked.measure.is_score]
    if wrong:
        raise invalid(f"{', '.join(wrong)}: only traces have it, not single spans", "measures", kind="unknown_measure")
