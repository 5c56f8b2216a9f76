"""By what traces and spans are grouped: names of dimensions, as filters have them, made what columns and SQL hold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from ..columnar.dimensions import ByNumber, ByScore, ByText, ByTime
from ..columnar.dimensions import Dimension as ColumnDimension
from ..columnar.format import member_column
from ..columnar.predicate import START as START_TIME
from ..domain.times import iso, since_epoch
from ..domain.values import NANO
from ..errors import invalid
from ..filters.trace_fields import TRACE_LABELS
from ..stats.named_measures import NAMED
from .measures import SCORES, MeasureSpec

MAX_DIMENSIONS = 2

Key: TypeAlias = Any
"""A JSON value."""

TRACE, SPAN = "trace", "span"
UNITS = (TRACE, SPAN)

MODEL = "model"
METADATA = "metadata."
_METADATA_OF_FILTERS = "metadata__"
_SCORES_OF_FILTERS = "scores__"

TEXTS = {
    "status": "status",
    "name": "name",
    "workflow_name": "name",
    MODEL: "model",
    **dict.fromkeys(("trace_id", "id", "trace_unique_id"), "trace_id"),
    "root_span_unique_id": "root_span_id",
}
"""Dimensions that are texts of the trace, by column."""

LABELS = {name: name for name in TRACE_LABELS} | {"group_identifier": "trace_group_identifier"}
"""Dimensions that are labels of the trace."""

NUMBERS = {
    "span_count": "n_spans",
    "llm_call_count": "n_llm_calls",
    "error_count": "n_errors",
    **dict.fromkeys(("total_tokens", "total_request_tokens"), "total_tokens"),
    **dict.fromkeys(("prompt_tokens", "total_prompt_tokens", "input_tokens"), "prompt_tokens"),
    **dict.fromkeys(("completion_tokens", "total_completion_tokens", "output_tokens"), "completion_tokens"),
    **dict.fromkeys(("cost", "total_cost"), "cost_pd"),
    **dict.fromkeys(("latency", "duration"), "latency_us"),
    "ttft": "ttft_us",
    "tps": "tps",
}
"""Dimensions that are whole numbers of the trace, by column."""

_PER_UNIT = {measure.column: measure.per_unit for measure in NAMED.values()}
"""How many of the stored unit of a column make one of the answered unit."""

TIMES = {"start_time": "start_time", "timestamp": "start_time", "end_time": "end_time"}
"""Dimensions that are times of the trace, by column."""

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
        if self.of_trace() == START_TIME:
            return ByTime()
        return ByNumber(NUMBERS[self.name]) if self.name in NUMBERS else ByText(self.of_trace())

    def of_trace(self) -> str:
        """The column of its values: one of `traces`, or that of a member of one."""
        if self.label is not None:
            return member_column("labels", self.label)
        if self.metadata is not None:
            return member_column("metadata", self.metadata)
        return _COLUMNS[self.name]

    def key(self, value: Key) -> Key:
        """The key as it is answered: numbers in their own unit, times as ISO 8601."""
        if value is None:
            return None
        if self.name in TIMES:
            return iso(value if isinstance(value, int) else since_epoch(datetime.fromisoformat(value)))
        per_unit = NANO if self.score is not None else _PER_UNIT.get(NUMBERS.get(self.name, ""), 1)
        whole, rest = divmod(value, per_unit) if per_unit != 1 else (value, 0)
        return whole if rest == 0 else value / per_unit


_COLUMNS = {**TEXTS, **NUMBERS, **TIMES}


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
        return Dimension(name, label=LABELS[name])
    if name in _COLUMNS or name in OF_SPANS:
        return Dimension(name)
    names = ", ".join(dict.fromkeys((*_COLUMNS, *LABELS, *OF_SPANS)))
    raise invalid(
        f"unknown dimension {name[:100]!r}; known are {names}, metadata.<key> and scores.<evaluator>",
        "group_by",
        code="unknown_dimension",
    )


def evaluator_of(name: str) -> str | None:
    """What the evaluator is called that a dimension names, `None` for other dimensions."""
    for prefix in (SCORES, _SCORES_OF_FILTERS):
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return None


def _evaluator(name: str, keys: Mapping[str, frozenset[str]]) -> str:
    evaluator_keys = keys.get(name, frozenset())
    if len(evaluator_keys) != 1:
        problem = "no evaluator is" if not evaluator_keys else f"{len(evaluator_keys)} evaluators are"
        raise invalid(f"{problem} called {name[:100]!r}", "group_by", code="unknown_dimension")
    (key,) = evaluator_keys
    return key


def check_measures(measures: Iterable[MeasureSpec]) -> None:
    """Raises `InvalidInput` for measures that spans do not have."""
    wrong = [spec.measure.name for spec in measures if spec.measure.trace_only or spec.measure.is_score]
    if wrong:
        raise invalid(f"{', '.join(wrong)}: only traces have it, not single spans", "measures", code="unknown_measure")
