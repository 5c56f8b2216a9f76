"""The traces that are summed, in disjuncts: a condition each, no two of which hold for the same trace."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, select, true, union_all

from ..domain.keys import ExperimentKey
from ..store.tables import traces
from .sums import Window

Disjuncts: TypeAlias = Sequence[ColumnElement[bool]]
ALL: Disjuncts = (true(),)


def within(experiment_key: ExperimentKey, window: Window, disjuncts: Disjuncts) -> Disjuncts:
    """The disjuncts, of one experiment's traces in the window."""
    inside = [traces.c.experiment_key == experiment_key]
    if window.start_us is not None:
        inside.append(traces.c.start_time >= window.start_us)
    if window.end_us is not None:
        inside.append(traces.c.start_time < window.end_us)
    return [and_(*inside, disjunct) for disjunct in disjuncts]


def rows_of(disjuncts: Disjuncts, *columns: ColumnElement[Any]) -> Select[Any] | CompoundSelect[Any]:
    """These columns of the traces of all disjuncts, each disjunct read in its own way."""
    each = [select(*columns).where(disjunct) for disjunct in disjuncts]
    return each[0] if len(each) == 1 else union_all(*each)
