"""Warnings: why a comparison shows less than it seems to."""

from collections.abc import Iterator, Sequence

from .arms import ResolvedArm
from .pairs import Pairing
from .request import Request
from .results import CandidateResult, MeasureResult, Warned

FEW_ITEMS = 30
LOW_OVERLAP = 0.8
MANY_MISSING = 0.05


def warnings_of(
    request: Request, arms: Sequence[ResolvedArm], candidates: Sequence[CandidateResult], left_out: int
) -> list[Warned]:
    """All warnings on a comparison; `left_out` is how many scores were not compared."""
    base, *others = arms
    warnings = [_unfinished(base, None)] if base.running else []
    if left_out:
        message = f"{_counted(left_out, 'score was', 'scores were')} left out: name them in `measures`"
        warnings.append(Warned("measures_left_out", message))
    for number, (arm, candidate) in enumerate(zip(others, candidates, strict=True)):
        if arm.running:
            warnings.append(_unfinished(arm, number))
        warnings += _of_candidate(request, number, candidate)
    return warnings


def _unfinished(arm: ResolvedArm, number: int | None) -> Warned:
    message = (
        f"{arm.definition.experiment_id} is still running: a reader who looks often enough sees a difference by chance"
    )
    return Warned("unfinished", message, number)


def _of_candidate(request: Request, number: int, candidate: CandidateResult) -> Iterator[Warned]:
    """The warnings on one candidate, by its number."""
    pairing = candidate.pairing
    if request.pair_by is not None and pairing is not None and not pairing.both:
        yield Warned("no_common_items", "No item is in both arms: means of all traces were compared instead", number)
    if candidate.repeats_ignored:
        message = "Items have several traces, and each counts as if it were an item: the runs look surer than they are"
        yield Warned("repeats_ignored", message, number)
    if pairing is not None:
        yield from _of_pairing(number, pairing)
    few = pairing is not None and pairing.both < FEW_ITEMS
    for result in candidate.measures:
        yield from _of_measure(number, result, is_warned=few)


def _of_pairing(number: int, pairing: Pairing) -> Iterator[Warned]:
    every = pairing.both + pairing.only_base + pairing.only_candidate
    if pairing.both < FEW_ITEMS:
        yield Warned(
            "few_items",
            f"Only {_counted(pairing.both, 'item is', 'items are')} in both arms; {FEW_ITEMS} are the least",
            number,
        )
    if every and pairing.both < LOW_OVERLAP * every:
        yield Warned(
            "low_overlap",
            f"Only {pairing.both:,} of {_counted(every, 'item')} {_is(pairing.both)} in both arms",
            number,
        )
    if pairing.targets_differ:
        message = f"The targets of {_counted(pairing.targets_differ, 'item')} differ: scores may not be comparable"
        yield Warned("targets_differ", message, number)
    if pairing.unequal_repeats:
        items = _counted(pairing.unequal_repeats, "item has", "items have")
        message = f"{items} more traces in one arm than in the other"
        yield Warned("unequal_repeats", message, number)


def _of_measure(number: int, result: MeasureResult, *, is_warned: bool) -> Iterator[Warned]:
    name = result.measure.name
    if result.base.n == 0 and result.candidate.n == 0:
        return
    if result.n < FEW_ITEMS and not is_warned:
        yield Warned("few_items", f"{name}: only {_few(result)}", number, name)
    if result.paired is not None:
        missing = result.paired.both - result.paired.n
        every = result.paired.both
    else:
        missing = result.base.missing + result.candidate.missing
        every = result.base.traces + result.candidate.traces + missing
    if every and missing > MANY_MISSING * every:
        of = _counted(every, "item" if result.paired is not None else "trace")
        has = "has" if missing == 1 else "have"
        yield Warned("many_missing", f"{name}: {missing:,} of {of} {has} no value in some arm", number, name)


def _few(result: MeasureResult) -> str:
    if result.paired is None:
        return f"{_counted(result.n, 'value is', 'values are')} in the smaller arm"
    return f"{_counted(result.n, 'item has', 'items have')} it in both arms"


def _counted(number: int, one: str, several: str | None = None) -> str:
    """1 item, 2 items."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"
