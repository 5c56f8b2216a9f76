"""One item in several runs: all its trials, and whether any or all of k of them are right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..domain.keys import TenantId
from ..domain.values import NANO
from ..stats.evaluators import Evaluator, evaluators_of
from ..store.session import Database, Kind
from .arms import Arm, find_arms
from .pairing import AUTO, PairBy
from .passes import Passes, passes
from .trials import MOST_SHOWN, Trial, all_trials

MOST_CONTENTS = 20
"""Trials of one run whose content is read."""


@dataclass(frozen=True, slots=True)
class InRun:
    """The item's trials in one run, and pass@k and pass^k by evaluator whose scores are all 0 or 1.

    Where it `is_cut` there are more trials, and nothing is said of how many are right.
    """

    experiment_id: str
    trials: list[Trial]
    passes: Mapping[str, Passes]
    is_cut: bool


@dataclass(frozen=True, slots=True)
class OneItem:
    """An item in the runs that were asked for."""

    key: bytes
    runs: list[InRun]
    evaluators: Mapping[str, Evaluator]
    as_of_us: int


async def item_in_runs(database: Database, tenant_id: TenantId, key: bytes, experiment_ids: Sequence[str]) -> OneItem:
    """All trials of the item in these runs. Raises `NotFound` naming an experiment, `TooLarge`, `Unavailable`."""
    async with database.transaction(Kind.SNAPSHOT) as tx:
        as_of_us = await tx.as_of()
        arms = [Arm(experiment_id, at=f"experiment {i}") for i, experiment_id in enumerate(experiment_ids)]
        runs = []
        for arm in await find_arms(tx, tenant_id, arms):
            trials = await all_trials(tx, arm, PairBy(AUTO), key, most=MOST_SHOWN + 1, contents=MOST_CONTENTS)
            is_cut = len(trials) > MOST_SHOWN
            shown = trials[:MOST_SHOWN]
            runs.append(InRun(arm.definition.experiment_id, shown, {} if is_cut else _passes(shown), is_cut))
        keys = {k for run in runs for trial in run.trials for k in trial.row.score_keys or ()}
        evaluators_by_key = await evaluators_of(tx, tenant_id, sorted(keys))
    return OneItem(key, runs, evaluators_by_key, as_of_us)


def _passes(trials: Sequence[Trial]) -> dict[str, Passes]:
    values: dict[str, list[Any]] = {}
    for trial in trials:
        for key, value in zip(trial.row.score_keys or (), trial.row.score_values or (), strict=True):
            values.setdefault(key, []).append(value)
    return {
        key: passes({(len(scores), scores.count(NANO)): 1})
        for key, scores in sorted(values.items())
        if set(scores) <= {0, NANO}
    }
