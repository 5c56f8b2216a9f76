"""Two arms compared item by item."""

from collections.abc import Sequence

from .chosen import Chosen
from .measures import Measure
from .paired_sums import PairedMeasure
from .pairs import Paired
from .results import CandidateResult, MeasureResult, TextResult
from .side import Side, kind_of
from .significance import paired_test, relative


def paired_result(
    base: Side, candidate: Side, paired: Paired, chosen: Chosen, texts: Sequence[TextResult], confidence: float
) -> CandidateResult:
    """The candidate against the base, over the items that both have."""
    measures = [
        _measure(measure, base, candidate, pairs, confidence)
        for measure, pairs in zip(chosen.measures, paired.measures, strict=True)
    ]
    return CandidateResult(candidate.result(paired.candidate), paired.pairing, measures, list(texts))


def _measure(measure: Measure, base: Side, candidate: Side, pairs: PairedMeasure, confidence: float) -> MeasureResult:
    return MeasureResult(
        measure,
        kind_of(measure, base, candidate),
        base.totals.of(measure, pairs.with_value[0]),
        candidate.totals.of(measure, pairs.with_value[1]),
        paired_test(pairs.sums, confidence),
        pairs.sums,
        relative(pairs.sums, confidence),
        pairs.margin,
        passes=pairs.passes,
    )
