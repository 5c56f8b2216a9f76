"""What a comparison found: exact until an answer is made of it."""

from dataclasses import dataclass, field
from fractions import Fraction

from ..stats.evaluators import Evaluator
from .measures import Measure
from .pairs import Pairing
from .passes import PassesOfArms
from .significance import Outcome, Relative
from .sums import ArmSums, PairedSums
from .verdicts import Conclusion


@dataclass(frozen=True, slots=True)
class Warned:
    """What a reader must know before concluding anything."""

    code: str
    message: str
    candidate: int | None = None
    measure: str | None = None


@dataclass(slots=True)
class MeasureResult:
    """One measure of one candidate against the base. `paired` is `None` where items were not matched."""

    measure: Measure
    kind: str
    base: ArmSums
    candidate: ArmSums
    outcome: Outcome
    paired: PairedSums | None
    relative: Relative | None
    margin: Fraction | None
    passes: PassesOfArms | None = None
    p_adjusted: float | None = None
    conclusion: Conclusion | None = None

    @property
    def n(self) -> int:
        """Items, or without pairs the values of the smaller arm."""
        return self.paired.n if self.paired is not None else min(self.base.n, self.candidate.n)

    @property
    def is_unchanged(self) -> bool:
        """Whether there are items, and none differs at all."""
        return self.paired is not None and self.paired.n > 0 and self.paired.dd == 0

    @property
    def difference(self) -> Fraction | None:
        """Candidate less base in the measure's unit: over the items where they are paired; `None` without values."""
        if self.paired is not None:
            return self.paired.mean(self.paired.b - self.paired.a)
        if self.base.mean is None or self.candidate.mean is None:
            return None
        return self.candidate.mean - self.base.mean


@dataclass(frozen=True, slots=True)
class TextResult:
    """Scores that are text: items of both arms with such scores, and items where both have the same."""

    measure: Measure
    items: int
    same: int


@dataclass(frozen=True, slots=True)
class ArmResult:
    """`items` and below are `None` where traces were not matched."""

    experiment_id: str
    traces: int
    failed: int
    items: int | None
    without_key: int | None
    without_root: int | None


@dataclass(slots=True)
class CandidateResult:
    """`pairing` is `None` where traces were not matched; `repeats_ignored` where items have several traces, and each
    trace counted by itself."""

    arm: ArmResult
    pairing: Pairing | None
    measures: list[MeasureResult]
    texts: list[TextResult] = field(default_factory=list)
    repeats_ignored: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """`as_of`: when the snapshot was taken that all numbers are of, microseconds since 1970; `tests`: how many p values
    the correction is over."""

    as_of_us: int
    base: ArmResult
    candidates: list[CandidateResult]
    correction: str
    tests: int
    confidence: float
    evaluators: dict[str, Evaluator]
    warnings: list[Warned]
