"""The rows of a comparison, and the trials of an item, as they are answered."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from ...comparison.one_item import InRun, OneItem
from ...comparison.rows import Row, RowArm, Rows
from ...comparison.trials import Trial
from ...domain.times import iso
from ...domain.values import MICRO, NANO, PICO
from ...stats.evaluators import Evaluator
from ..respan.logs import content
from .passes_answer import passes_answer
from .rows_request import write_cursor

_CHANGES = {1: "improved", -1: "worsened", 0: "equal"}
COLUMNS = (
    *("item_key", "change", "difference", "base_value", "candidate_value", "base_traces", "candidate_traces"),
    *("base_trace_id", "candidate_trace_id", "base_status", "candidate_status"),
    *("input", "target", "base_output", "candidate_output"),
)
"""Of the table that the same rows make."""

Answer = dict[str, Any]


def rows_answer(rows: Rows, preview: int) -> Answer:
    """A page of rows."""
    return {
        "measure": rows.measure.name,
        "unit": rows.measure.unit,
        "better": "higher" if rows.measure.higher_is_better else "lower",
        "margin": _number(rows.margin),
        "count": rows.count,
        "rows": [_row(row, rows.evaluators, preview) for row in rows.rows],
        "next_cursor": None if rows.next is None else write_cursor(rows.next),
        "as_of": iso(rows.as_of_us),
    }


def _row(row: Row, evaluators: Mapping[str, Evaluator], preview: int) -> Answer:
    contents = _content(row.base, preview) or _content(row.candidate, preview) or {}
    return {
        "item_key": row.key.hex(),
        "input": contents.get("input"),
        "target": contents.get("expected_output"),
        "arms": [_arm(arm, evaluators, preview) for arm in (row.base, row.candidate)],
        "difference": _number(row.difference),
        "change": None if row.change is None else _CHANGES[row.change],
    }


def _content(arm: RowArm, preview: int) -> Answer | None:
    first = None if arm.first is None else arm.first.trial.first
    return None if first is None else content(first, preview)


def _arm(arm: RowArm, evaluators: Mapping[str, Evaluator], preview: int) -> Answer:
    first = None if arm.first is None else arm.first.trial.row
    return {
        "value": _number(arm.value),
        "traces": arm.traces,
        "trace_ids": [] if arm.first is None else arm.first.trace_ids,
        "output": (_content(arm, preview) or {}).get("output"),
        "status": None if first is None else first.status,
        "scores": {} if first is None else scores_of(first, evaluators),
    }


def scores_of(row: Any, evaluators: Mapping[str, Evaluator]) -> Answer:
    """The scores of a trace by evaluator: one as it is, several as a list; text is null here."""
    by_name: dict[str, list[float | bool | None]] = {}
    kinds = row.score_kinds or [0] * len(row.score_keys or ())
    for key, value, kind in zip(row.score_keys or (), row.score_values or (), kinds, strict=True):
        shown = None if value is None else bool(value) if kind == 1 else value / NANO
        by_name.setdefault(key, []).append(shown)
    return {key: values[0] if len(values) == 1 else values for key, values in sorted(by_name.items())}


def rows_table(rows: Rows, preview: int) -> Iterator[list[Any]]:
    """The rows as those of a table, by `COLUMNS`."""
    for row in rows.rows:
        contents = _content(row.base, preview) or _content(row.candidate, preview) or {}
        arms = row.base, row.candidate
        firsts = [None if arm.first is None else arm.first.trial.row for arm in arms]
        yield [
            row.key.hex(),
            None if row.change is None else _CHANGES[row.change],
            _number(row.difference),
            *(_number(arm.value) for arm in arms),
            *(arm.traces for arm in arms),
            *(None if first is None else first.trace_id for first in firsts),
            *(None if first is None else first.status for first in firsts),
            contents.get("input"),
            contents.get("expected_output"),
            *((_content(arm, preview) or {}).get("output") for arm in arms),
        ]


def trial_answer(trial: Trial, evaluators: Mapping[str, Evaluator], preview: int) -> Answer:
    """One trace of an item."""
    row = trial.row
    shown = {} if trial.first is None else content(trial.first, preview)
    return {
        "trace_id": row.trace_id,
        "name": row.name,
        "status": row.status,
        "start_time": iso(row.start_time),
        "latency": _scaled(row.latency_us, MICRO),
        "ttft": _scaled(row.ttft_us, MICRO),
        "cost": _scaled(row.cost_pd, PICO),
        "prompt_tokens": row.prompt_tokens,
        "completion_tokens": row.completion_tokens,
        "total_tokens": row.total_tokens,
        "span_count": row.n_spans,
        "model": row.model,
        "input": shown.get("input"),
        "output": shown.get("output"),
        "target": shown.get("expected_output"),
        "metadata": row.metadata or {},
        "scores": scores_of(row, evaluators),
    }


def _scaled(value: int | None, one: int) -> float | None:
    return None if value is None else value / one


def _number(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def item_answer(item: OneItem, preview: int) -> Answer:
    """An item in several runs."""
    firsts = [trial.first for run in item.runs for trial in run.trials if trial.first is not None]
    contents = content(firsts[0], preview) if firsts else {}
    return {
        "item_key": item.key.hex(),
        "input": contents.get("input"),
        "target": contents.get("expected_output"),
        "experiments": [_run(run, item.evaluators, preview) for run in item.runs],
        "evaluators": {
            key: {"id": evaluator.id, "slug": evaluator.slug, "name": evaluator.name}
            for key, evaluator in item.evaluators.items()
        },
        "as_of": iso(item.as_of_us),
    }


def _run(run: InRun, evaluators: Mapping[str, Evaluator], preview: int) -> Answer:
    return {
        "experiment_id": run.experiment_id,
        "trials": [trial_answer(trial, evaluators, preview) for trial in run.trials],
        "truncated": run.is_cut,
        "passes": {f"scores.{key}": passes_answer(passes) for key, passes in run.passes.items()},
    }
