"""One experiment with its figures."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..columnar.reader import Columns
from ..domain.keys import TenantId
from ..stats.evaluators import Evaluator, evaluators_of
from ..store.session import Database
from .from_rollups import FigureSet
from .measuring import measure, no_figures
from .preparing import find_preparing
from .questions import Question
from .snapshot import Experiment, snapshot


@dataclass(frozen=True, slots=True)
class ExperimentFigures:
    """An experiment, its figures at a time (microseconds since 1970), and what its evaluators are called, by key."""

    experiment: Experiment
    as_of: int
    measured: FigureSet
    evaluators: Mapping[str, Evaluator]


async def describe(
    database: Database,
    columns: Columns,
    tenant_id: TenantId,
    experiment_id: str,
    question: Question,
) -> ExperimentFigures:
    """The figures of the experiment, all of one snapshot. Raises `NotFound`, `Unavailable`."""
    async with snapshot(database, tenant_id) as state:
        experiment = await state.experiment(experiment_id)
        preparing = None
        if question.skips_preparing:
            preparing = (await find_preparing(state.tx.driver, [experiment.key])).get(experiment.key)
        is_skipped = preparing is not None and preparing.lacks_sums
        measured = no_figures([]) if is_skipped else await measure(state, columns, experiment.key, question)
        keys = {key for spec, _ in measured.figures for key in spec.measure.keys}
        evaluators = await evaluators_of(state.tx, tenant_id, sorted(keys))
    return ExperimentFigures(experiment, state.as_of, replace(measured, preparing=preparing), evaluators)
