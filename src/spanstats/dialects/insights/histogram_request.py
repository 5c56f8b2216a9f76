"""How a histogram is asked: its measure, its bins, its arms."""

import itertools
from decimal import Decimal

from ...domain.values import number
from ...errors import InvalidInput
from ...insights.distribution import MAX_ARMS
from ...insights.edges import LINEAR, MAX_BINS, SCALES, Binning, check
from .answers import Json
from .options import Options, bounded, read_options

BINNING = ("bins", "scale", "low", "high")
OF_ARM = ("experiment_id", "start_time", "end_time")


def read_measure(options: Options) -> str:
    """The one measure, without an aggregate. Raises `InvalidInput`."""
    text = options.text("measure")
    if not text:
        raise options.wrong("measure", "must name a measure", "missing")
    return text


def read_binning(options: Options) -> Binning:
    """The bins that are wanted. Raises `InvalidInput`."""
    edges = _edges(options)
    if edges is not None and any(name in options.values for name in BINNING):
        raise options.wrong("edges", f"stand alone, without {', '.join(BINNING)}", "extra_forbidden")
    binning = Binning(
        options.whole("bins", 20, 1, MAX_BINS),
        options.one_of("scale", SCALES, LINEAR),
        options.decimal("low"),
        options.decimal("high"),
        edges,
    )
    return binning if edges is not None else _checked(options, binning)


def _checked(options: Options, binning: Binning) -> Binning:
    try:
        return check(binning)
    except InvalidInput as error:
        raise InvalidInput([p.under(options.where[str(p.location[0])]) for p in error.problems]) from error


def _edges(options: Options) -> tuple[Decimal, ...] | None:
    option = options.values.get("edges")
    if option is None:
        return None
    if not isinstance(option, list) or not 2 <= len(option) <= MAX_BINS + 1:
        raise options.wrong("edges", f"must be a list of 2 to {MAX_BINS + 1} numbers", "list_type")
    edges = tuple(bounded(options.located("edges", _number, edge), options, "edges") for edge in option)
    if any(a >= b for a, b in itertools.pairwise(edges)):
        raise options.wrong("edges", "must ascend", "out_of_range")
    return edges


def _number(value: object) -> Decimal:
    return number(value, "edges")


def read_arms(options: Options) -> list[Json]:
    """The arms as they were sent. Raises `InvalidInput`."""
    arms = options.values.get("arms")
    if not isinstance(arms, list) or not 1 <= len(arms) <= MAX_ARMS or not all(isinstance(arm, dict) for arm in arms):
        raise options.wrong("arms", f"must be a list of 1 to {MAX_ARMS} objects", "list_type")
    return arms


def read_arm(option: Json) -> Options:
    """What an arm says of itself. Raises `InvalidInput`."""
    arm = read_options([], option, OF_ARM, filters=True)
    if not arm.text("experiment_id"):
        raise arm.wrong("experiment_id", "must name an experiment", "missing")
    return arm
