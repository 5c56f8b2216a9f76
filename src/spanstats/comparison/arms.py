"""The arms of a comparison: which traces of which experiment."""

from dataclasses import dataclass, field
from typing import Any

from ..domain.keys import ExperimentKey, TenantId
from ..domain.values import is_clean
from ..domain.window import Window
from ..errors import NotFound
from ..filters.disjuncts import Filter
from ..stats.matching import ALL, Disjuncts, within
from ..stats.scored import N_SCORES
from ..store.session import Transaction


@dataclass(frozen=True, slots=True)
class Arm:
    """Traces of one experiment in a window that match a filter; `at` is where the request names them."""

    experiment_id: str
    window: Window = field(default_factory=Window)
    matching: Filter | None = None
    at: str = "base"


@dataclass(frozen=True, slots=True)
class ResolvedArm:
    """An arm with its experiment, which exists. `running` is whether it was created and has not been finished yet."""

    definition: Arm
    key: ExperimentKey
    running: bool
    project_id: str | None
    n_scores: int
    """Most scores of a trace, estimated from some of them; 0 where the tenant has no evaluators."""

    @property
    def disjuncts(self) -> Disjuncts:
        """Conditions of which one holds for each trace of the arm, and never two."""
        matching = self.definition.matching
        return within(self.key, self.definition.window, ALL if matching is None else matching.disjuncts)

    @property
    def is_whole(self) -> bool:
        """Whether the arm is all of an experiment, or a window of it, without a filter."""
        return self.definition.matching is None


# `created` alone is not enough: Respan's clients define an experiment and may send nothing more of it.
_FIND = f"""
SELECT e.id, e.key, e.project_id,
    e.finished_at IS NULL AND lower(e.status) IN ('running', 'in_progress', 'pending', 'queued') AS running,
    {N_SCORES} AS n_scores
FROM experiments e WHERE e.tenant_id = $1 AND e.id = ANY($2::text[]) AND e.deleted_at IS NULL
"""


async def find_arms(tx: Transaction, tenant_id: TenantId, arms: list[Arm]) -> list[ResolvedArm]:
    """The arms with their experiments. Raises `NotFound` naming the first whose experiment the tenant does not have."""
    ids = sorted({arm.experiment_id for arm in arms if is_clean(arm.experiment_id)})
    rows: dict[str, Any] = {row["id"]: row for row in await tx.driver.fetch(_FIND, tenant_id, ids)}
    resolved = []
    for arm in arms:
        row = rows.get(arm.experiment_id)
        if row is None:
            raise NotFound(f"{arm.at}: experiment {arm.experiment_id} not found")
        resolved.append(ResolvedArm(arm, row["key"], bool(row["running"]), row["project_id"], row["n_scores"] or 0))
    return resolved
