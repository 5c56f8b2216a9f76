"""The edges of a histogram's bins: decimals, so that a reader can count again and get the same."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from ..errors import invalid

MAX_BINS = 100
LINEAR, LOG = "linear", "log"
SCALES = (LINEAR, LOG)

_FINER = 1_000
"""Edges are rounded to a power of ten that is at least this many times finer than a bin."""


@dataclass(frozen=True, slots=True)
class Binning:
    """`bins` of equal width, or of equal ratio if the scale is `log`, between two values in the measure's unit, by
    default the lowest and the highest; or the `edges` as they were given."""

    bins: int = 20
    scale: str = LINEAR
    low: Decimal | None = None
    high: Decimal | None = None
    edges: tuple[Decimal, ...] | None = None


def check(binning: Binning) -> Binning:
    """Raises `InvalidInput` for bounds between which there can be no bins."""
    bounds = {"low": binning.low, "high": binning.high}
    for name, bound in bounds.items():
        if binning.scale == LOG and bound is not None and bound <= 0:
            raise invalid("must be above 0 on a log scale", name, code="out_of_range")
    if binning.low is not None and binning.high is not None and binning.low > binning.high:
        raise invalid("must not be above high", "low", code="out_of_range")
    return binning


def edges_of(binning: Binning, low: Decimal | None, high: Decimal | None) -> list[Decimal]:
    """The edges, ascending, for values between `low` and `high`: one more than there are bins, none without values.

    Equal values make one bin, and so does a bound that no value reaches. On a log scale `low` is the lowest value above
    0.
    """
    if binning.edges is not None:
        return list(binning.edges)
    low = low if binning.low is None else binning.low
    high = high if binning.high is None else binning.high
    if low is None or high is None:
        return []
    if low >= high:
        end = low if binning.high is None else high
        return [end, end]
    inner = _logarithmic(low, high, binning.bins) if binning.scale == LOG else _linear(low, high, binning.bins)
    return list(dict.fromkeys([low, *(edge for edge in inner if low < edge < high), high]))


def _linear(low: Decimal, high: Decimal, bins: int) -> list[Decimal]:
    start, width = Fraction(low), (Fraction(high) - Fraction(low)) / bins
    return [_rounded(start + i * width, width) for i in range(1, bins)]


def _logarithmic(low: Decimal, high: Decimal, bins: int) -> list[Decimal]:
    ratio = math.log(float(high) / float(low)) / bins
    edges = [float(low) * math.exp(i * ratio) for i in range(bins + 1)]
    pairs: Sequence[tuple[float, float]] = list(itertools.pairwise(edges))
    # Between values that are very close a float may find no edge.
    return [_rounded(Fraction(edge), Fraction(edge - before)) for before, edge in pairs[:-1] if edge > before]


def _rounded(edge: Fraction, width: Fraction) -> Decimal:
    """To a power of ten that is much finer than the bin."""
    digits = math.ceil(math.log10(float(_FINER / width)))
    scaled = round(edge * Fraction(10) ** digits)
    return Decimal(scaled).scaleb(-digits).normalize() if digits > 0 else Decimal(scaled) * Decimal(10) ** -digits
