"""What a comparison is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from .arms import Arm
from .pairing import PairBy

MOST_CANDIDATES = 8
MOST_MEASURES = 20


@dataclass(frozen=True, slots=True)
class Margin:
    """A difference that does not matter, in the measure's unit, or as a part of the base's mean."""

    size: Fraction
    of_base: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """A base and its candidates. `measures` by name, `None` for the usual ones and every score of either arm.

    `better` says of measures by name whether higher is better. `pair_by` is `None` where arms are not to be paired.
    """

    base: Arm
    candidates: tuple[Arm, ...]
    pair_by: PairBy | None
    measures: tuple[str, ...] | None = None
    better: Mapping[str, bool] = field(default_factory=dict)
    margins: Mapping[str, Margin] = field(default_factory=dict)
    cluster_by: str | None = None
    zero_for_missing: bool = False
    confidence: float = 0.95
    correction: str = "holm"
    most_traces: int = 500_000
    """Most traces of an arm that is paired."""
