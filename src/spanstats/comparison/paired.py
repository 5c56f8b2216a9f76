"""Two arms compared item by item."""

from collections.abc import Sequence

from .chosen import Chosen
from .measures import Measure
from .pairs import Paired
from .results import CandidateResult, MeasureResult, TextResult
from .side import Side, kind_of
from .significance import paired_test, relative


def paired_result(
    base: Side, candidate: Side, paired: Paired, chosen: Chosen, texts: Sequence[TextResult], confidence: float
) -> CandidateResult:
    """The candidate against the base, over the items that both have."""
    measures = [
        _measure(place, measure, base, candidate, paired, confidence) for place, measure in enumerate(chosen.measures)
    ]
    return CandidateResult(candidate.result(paired.candidate), paired.pairing, measures, list(texts))


def _measure(
    place: int, measure: Measure, base: Side, candidate: Side, paired: Paired, confidence: float
) -> MeasureResult:
    sums = paired.sums[place]
    return MeasureResult(
        measure,
        kind_of(measure, base, candidate),
        base.totals.of(measure, paired.base.with_value[place]),
        candidate.totals.of(measure, paired.candidate.with_value[place]),
        paired_test(sums, confidence),
        sums,
        relative(sums, confidence),
        paired.margins[place],
        passes=paired.passes[place],
    )
