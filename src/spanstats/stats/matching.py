"""The traces that are summed, in parts: a condition each, no two of which hold for the same trace."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, select, true, union_all

from ..domain.keys import ExperimentKey
from ..store.tables import traces
from .sums import Window

Parts: TypeAlias = Sequence[ColumnElement[bool]]
ALL: Parts = (true(),)


def within(experiment_key: ExperimentKey, window: Window, parts: Parts) -> Parts:
    """The parts, of one experiment's traces in the window."""
    inside = [traces.c.experiment_key == experiment_key]
    if window.start_us is not None:
        inside.append(traces.c.start_time >= window.start_us)
    if window.end_us is not None:
        inside.append(traces.c.start_time < window.end_us)
    return [and_(*inside, part) for part in parts]


def rows_of(parts: Parts, *columns: ColumnElement[Any]) -> Select[Any] | CompoundSelect[Any]:
    """These columns of the traces of all parts, each part read in its own way."""
    each = [select(*columns).where(part) for part in parts]
    return each[0] if len(each) == 1 else union_all(*each)
