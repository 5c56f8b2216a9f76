"""One arm of a comparison with its summary."""

from dataclasses import dataclass

from .arms import ResolvedArm
from .measures import Measure, Number
from .pairs import ArmCounts
from .results import ArmResult
from .totals import Totals


@dataclass(frozen=True, slots=True)
class Side:
    """An arm and the sums of its summary."""

    arm: ResolvedArm
    totals: Totals

    def result(self, items: ArmCounts | None) -> ArmResult:
        """The arm as it is answered; `None` where its traces were not matched."""
        totals = self.totals
        counted = (None, None, None) if items is None else (items.items, items.without_key, items.without_root)
        return ArmResult(self.arm.definition.experiment_id, totals.traces, totals.failed, *counted)


def kind_of(measure: Measure, base: Side, candidate: Side) -> str:
    """`boolean` where all values of both arms are true or false, else `number`."""
    if isinstance(measure, Number):
        return measure.kind
    is_boolean = all(side.totals.is_boolean(measure.key) for side in (base, candidate))
    return "boolean" if is_boolean else "number"
