"""One experiment with its figures."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from ..columnar.reader import Columns
from ..stats.summary import Evaluator, evaluators_of
from ..store.session import Timeouts
from .measured import measure
from .questions import Question
from .rolled import Measured
from .snapshot import Experiment, snapshot


@dataclass(frozen=True, slots=True)
class Described:
    """An experiment, its figures at a time (microseconds since 1970), and what its evaluators are called, by key."""

    experiment: Experiment
    as_of: int
    measured: Measured
    evaluators: Mapping[str, Evaluator]


async def describe(
    engine: AsyncEngine,
    timeouts: Timeouts,
    columns: Columns,
    tenant_id: int,
    experiment_id: str,
    question: Question,
) -> Described:
    """The figures of the experiment, all of one snapshot. Raises `NotFound`, `Unavailable`."""
    async with snapshot(engine, timeouts, tenant_id) as state:
        experiment = await state.experiment(experiment_id)
        found = await measure(state, columns, timeouts, experiment.key, question)
        keys = {key for asked, _ in found.figures for key in asked.measure.keys}
        evaluators = await evaluators_of(state.tx, tenant_id, sorted(keys))
    return Described(experiment, state.as_of, found, evaluators)
