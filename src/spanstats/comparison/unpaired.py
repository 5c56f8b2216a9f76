"""Two arms compared as a whole, where items were not to be matched or none is in both."""

from fractions import Fraction

from .arm_sums import BySum
from .chosen import Chosen
from .measures import Measure
from .pairs import Paired
from .request import Margin
from .results import CandidateResult, MeasureResult
from .side import Side, kind_of
from .significance import welch_test
from .sums import ArmSums


def unpaired_result(
    base: tuple[Side, BySum],
    candidate: tuple[Side, BySum],
    chosen: Chosen,
    confidence: float,
    paired: Paired | None,
    *,
    repeats: bool,
) -> CandidateResult:
    """The candidate against the base, as a whole. `paired` are items of which none is in both arms;
    `repeats` is whether items have several traces, where none was looked for."""
    measures = [
        _measure(measure, margin, base, candidate, confidence)
        for measure, margin in zip(chosen.measures, chosen.margins, strict=True)
    ]
    side = candidate[0]
    if paired is None:
        return CandidateResult(side.result(None), None, measures, repeats_ignored=repeats)
    repeats = max(paired.pairing.repeats) > 1
    return CandidateResult(side.result(paired.candidate), paired.pairing, measures, repeats_ignored=repeats)


def _measure(
    measure: Measure,
    margin: Margin | None,
    base: tuple[Side, BySum],
    candidate: tuple[Side, BySum],
    confidence: float,
) -> MeasureResult:
    one, other = base[1][measure], candidate[1][measure]
    outcome = welch_test(one, other, confidence)
    kind = kind_of(measure, base[0], candidate[0])
    size = None if margin is None else _of_mean(margin, one)
    return MeasureResult(measure, kind, one, other, outcome, None, None, size)


def _of_mean(margin: Margin, base: ArmSums) -> Fraction | None:
    if not margin.of_base:
        return margin.size
    return None if base.mean is None else margin.size * abs(base.mean)
