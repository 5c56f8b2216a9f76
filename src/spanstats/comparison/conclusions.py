"""What is concluded from all tests of a comparison together."""

from collections.abc import Sequence

from .correction import CORRECTIONS
from .request import Request
from .results import CandidateResult
from .verdicts import conclude


def conclude_all(request: Request, candidates: Sequence[CandidateResult]) -> int:
    """Correct all p values together and put the verdicts into the results; how many p values there are."""
    results = [result for candidate in candidates for result in candidate.measures]
    tested = [result for result in results if result.outcome.p_value is not None]
    p_values = [p for r in tested if (p := r.outcome.p_value) is not None]
    for result, adjusted in zip(tested, CORRECTIONS[request.correction](p_values), strict=True):
        result.p_adjusted = adjusted
    for result in results:
        result.conclusion = conclude(
            result.outcome,
            result.difference,
            result.p_adjusted,
            result.n,
            higher_is_better=result.measure.higher_is_better,
            margin=result.margin,
            confidence=request.confidence,
            identical=result.is_unchanged,
        )
    return len(tested)
