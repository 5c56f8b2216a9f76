"""Arms: the traces of a question (an experiment, a window, a filter), and the SQL conditions of its filter."""

from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, and_, true

from ..domain.keys import ExperimentKey
from ..domain.window import Window
from ..filters.disjuncts import Filter, compile_disjuncts
from ..store.tables import traces
from .from_traces import Rows
from .segments import Segment


@dataclass(frozen=True, slots=True)
class Arm:
    """Traces of one experiment that start in a window and match a filter."""

    experiment_key: ExperimentKey
    window: Window = field(default_factory=Window)
    matching: Filter | None = None


def rows_of(arm: Arm) -> list[Rows]:
    """All traces of the arm, for a read of each disjunct of the filter."""
    disjuncts = [true()] if arm.matching is None else arm.matching.disjuncts
    return [Rows(and_(_inside(arm), disjunct)) for disjunct in disjuncts]


def rows_beside(arm: Arm, ranges: list[Segment], *, of_several_models: bool) -> list[Rows]:
    """Rows that columns do not hold: traces that start in these ranges and, in all of the window, `of_several_models`.

    A range is short: nothing is looked up in another index, again for each of them.
    """
    if not ranges and not of_several_models:
        return []
    of_experiment = traces.c.experiment_key == arm.experiment_key
    if arm.matching is None:
        return [Rows(of_experiment, ranges)]
    first, *others = compile_disjuncts(arm.matching.predicate, arm.matching.tenant_id, by_index=False)
    in_ranges = [first] if of_several_models else [first, *others]
    beside = [Rows(and_(_inside(arm), disjunct)) for disjunct in others] if of_several_models else []
    return [*(Rows(and_(of_experiment, disjunct), ranges) for disjunct in in_ranges if ranges), *beside]


def _inside(arm: Arm) -> ColumnElement[bool]:
    inside = [traces.c.experiment_key == arm.experiment_key]
    if arm.window.start_us is not None:
        inside.append(traces.c.start_time >= arm.window.start_us)
    if arm.window.end_us is not None:
        inside.append(traces.c.start_time < arm.window.end_us)
    return and_(*inside)
