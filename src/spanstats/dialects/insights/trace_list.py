"""Traces as rows: as answered, and as a table."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from ...domain.span import Span
from ...domain.times import iso
from ...domain.values import MICRO, MILLI, NANO, PICO
from ...insights.measures import SCORES
from ...insights.questions import Question
from ...insights.trace_list import SORTS, TraceList
from ..respan.logs import content
from .answers import Json, experiment_object, of_snapshot
from .cursor import Time, write_cursor
from .trace_list_schema import TRACE

_BOOLEAN = 1


def trace_list_object(traces: TraceList, question: Question, sort_by: str, preview: int = 0) -> Json:
    """The rows, and where more follow in the order that was asked for; with a `preview`, input and output cut
    to that many characters."""
    return {
        **of_snapshot(traces.as_of, question, ()),
        "experiment": experiment_object(traces.experiment),
        "traces": [
            trace_object(row) | (_content(traces.firsts.get(row.trace_id), preview) if preview else {})
            for row in traces.rows
        ],
        "has_more": traces.next is not None,
        "next_cursor": None if traces.next is None else write_cursor(sort_by, traces.next),
    }


def trace_object(row: Any) -> Json:
    """A trace with its numbers; of each evaluator all scores that are numbers or booleans."""
    return {
        "trace_id": row.trace_id,
        "name": row.name,
        "status": row.status,
        "start_time": iso(row.start_time),
        "end_time": iso(row.end_time),
        "latency": _in(row.latency_us, MICRO),
        "cost": _in(row.cost_pd, PICO),
        "cost_partial": row.cost_pd is not None and row.n_unpriced > 0,
        "ttft": _in(row.ttft_us, MICRO),
        "tps": _in(row.tps, MILLI),
        "prompt_tokens": row.prompt_tokens,
        "completion_tokens": row.completion_tokens,
        "total_tokens": row.total_tokens,
        "span_count": row.n_spans,
        "llm_call_count": row.n_llm_calls,
        "error_count": row.n_errors,
        "has_root": row.has_root,
        "model": row.model,
        "several_models": row.many_models,
        "metadata": row.metadata or {},
        "labels": row.labels or {},
        "scores": _scores(row),
    }


def _content(first: Span | None, preview: int) -> Json:
    shown = {} if first is None else content(first, preview)
    return {name: shown.get(name) for name in ("input", "output")}


def _scores(row: Any) -> dict[str, list[float | bool]]:
    keys, values = row.score_keys or [], row.score_values or []
    by_name: dict[str, list[float | bool]] = {}
    for key, value, kind in zip(keys, values, row.score_kinds or [0] * len(keys), strict=True):
        of_key = by_name.setdefault(key, [])
        if value is not None:
            of_key.append(bool(value) if kind == _BOOLEAN else value / NANO)
    return by_name


_OBJECTS = ("metadata", "labels")


def table_columns(evaluator_keys: Sequence[str]) -> list[str]:
    """The columns of the table: the numbers of a trace, its objects as JSON, and the mean score of each evaluator."""
    return [*_FIXED, *_OBJECTS, *(SCORES + key for key in evaluator_keys)]


def table_row(row: Any, evaluator_keys: Sequence[str]) -> list[Any]:
    """A trace below `table_columns`."""
    shown = trace_object(row)
    means = (_mean(shown["scores"].get(key)) for key in evaluator_keys)
    return [*(shown[name] for name in _FIXED), *(shown[name] or None for name in _OBJECTS), *means]


def _mean(scores: list[float | bool] | None) -> float | bool | None:
    if not scores:
        return None
    return scores[0] if len(scores) == 1 else sum(scores) / len(scores)


def _in(whole: int | None, per_unit: int) -> float | None:
    return None if whole is None else float(Fraction(whole, per_unit))


_FIXED = tuple(name for name in TRACE if name not in (*_OBJECTS, "scores"))
SORT_NAMES: Mapping[str, type[Any]] = dict.fromkeys(SORTS, int) | {"name": str, "status": str, "start_time": Time}
"""Names that sort, and what the values of each are in a cursor."""
