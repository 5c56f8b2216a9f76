"""Sums over the traces of many experiments that stats list: those whose root has arrived.

Rollups count every trace. The few without a root are found by an index of their own and subtracted, which is exact,
since sums are. Extremes cannot be subtracted: these summaries have none.
"""

from collections.abc import Collection

from sqlalchemy import ARRAY, BigInteger, any_, literal, select

from ..domain.keys import ExperimentKey, TenantId
from ..store.session import Database, Kind, Transaction
from ..store.tables import traces
from .evaluators import evaluators_of
from .measures import ANSWERED
from .rolled_up import rolled_up
from .score_measures import SCORE_AGGREGATES
from .summary import Summary, directly
from .sums import ScoreSums, Sums, Window

ALWAYS = Window()

_SCORES_SUMMED = [a.name for a in SCORE_AGGREGATES if a.name not in ("low", "high")]


async def summaries_of_roots(
    database: Database, tenant_id: TenantId, experiment_keys: Collection[ExperimentKey]
) -> dict[ExperimentKey, Summary]:
    """A summary of each experiment, without extremes, all of one snapshot. Raises `Unavailable`."""
    rootless: dict[ExperimentKey, Sums] = {}
    async with database.transaction(Kind.FIXED) as tx:
        # To plan it takes ten times as long as to run it.
        whole = {key: await rolled_up(tx.driver, key, ALWAYS) for key in experiment_keys}
        for key in await _with_rootless(tx, experiment_keys):
            await tx.plan_for_values()
            rootless[key] = await directly(tx, key, ALWAYS, [~traces.c.has_root])
        by_experiment = {key: _without(sums, rootless.get(key, ({}, {}))) for key, sums in whole.items()}
        names = {name for _, scores in by_experiment.values() for name in scores}
        evaluators_by_key = await evaluators_of(tx, tenant_id, sorted(names))
    return {key: Summary(sums, scores, evaluators_by_key) for key, (sums, scores) in by_experiment.items()}


async def _with_rootless(tx: Transaction, experiment_keys: Collection[ExperimentKey]) -> set[ExperimentKey]:
    key = traces.c.experiment_key
    one_of = any_(literal(list(experiment_keys), ARRAY(BigInteger)))
    statement = select(key).distinct().where(key == one_of, ~traces.c.has_root)
    return set((await tx.connection.execute(statement)).scalars())


def _without(whole: Sums, part: Sums) -> Sums:
    """The sums of the traces that are in the whole and not in the part."""
    sums = {a.name: (whole[0][a.name] or 0) - (part[0].get(a.name) or 0) for a in ANSWERED if a.is_additive}
    return {**sums}, {name: _score_without(score, part[1].get(name)) for name, score in whole[1].items()}


def _score_without(whole: ScoreSums, part: ScoreSums | None) -> ScoreSums:
    part = part or ScoreSums()
    return ScoreSums(**{name: getattr(whole, name) - getattr(part, name) for name in _SCORES_SUMMED})
