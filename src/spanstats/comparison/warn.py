"""What makes a comparison say less than it seems to."""

from collections.abc import Iterator

from .pairs import Pairing
from .results import CandidateResult, MeasureResult, Warned

FEW_ITEMS = 30
LOW_OVERLAP = 0.8
MANY_MISSING = 0.05


def warnings_of(place: int, candidate: CandidateResult) -> Iterator[Warned]:
    """The warnings on one candidate, by its place."""
    if candidate.pairing is not None:
        yield from _of_pairing(place, candidate.pairing)
    few = candidate.pairing is not None and candidate.pairing.both < FEW_ITEMS
    for result in candidate.measures:
        yield from _of_measure(place, result, told=few)


def _of_pairing(place: int, pairing: Pairing) -> Iterator[Warned]:
    every = pairing.both + pairing.only_base + pairing.only_candidate
    if pairing.both < FEW_ITEMS:
        yield Warned("few_items", f"Only {pairing.both} items are in both arms; {FEW_ITEMS} are the least", place)
    if every and pairing.both < LOW_OVERLAP * every:
        yield Warned("low_overlap", f"Only {pairing.both} of {every} items are in both arms", place)
    if pairing.targets_differ:
        message = f"The targets of {pairing.targets_differ} items differ: their scores may not be comparable"
        yield Warned("targets_differ", message, place)
    if pairing.unequal_repeats:
        message = f"{pairing.unequal_repeats} items have more traces in one arm than in the other"
        yield Warned("unequal_repeats", message, place)


def _of_measure(place: int, result: MeasureResult, *, told: bool) -> Iterator[Warned]:
    name = result.measure.name
    if result.base.n == 0 and result.candidate.n == 0:
        return
    if result.n < FEW_ITEMS and not told:
        what = "items have it in both arms" if result.paired is not None else "values are in the smaller arm"
        yield Warned("few_items", f"{name}: only {result.n} {what}", place, name)
    if result.paired is not None:
        missing = result.paired.missing_base + result.paired.missing_candidate
        every = result.paired.both
    else:
        missing = result.base.missing + result.candidate.missing
        every = result.base.traces + result.candidate.traces + missing
    if every and missing > MANY_MISSING * every:
        kind = "items" if result.paired is not None else "traces"
        yield Warned("many_missing", f"{name}: {missing} of {every} {kind} have no value in some arm", place, name)
