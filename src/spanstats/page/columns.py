"""The numbers of one column of a table, so that their decimals are below each other."""

import math
from collections.abc import Sequence

from .figures import NONE, THIN, measured, signed


def layout(columns: Sequence[object]) -> str:
    """The class of a table whose width the stylesheet knows by its columns."""
    return f"with-{len(columns)}"


def column(values: Sequence[float | None], unit: str | None = None) -> list[str]:
    """The values of one column with the same number of decimals: as many as its largest needs for three digits, and
    more where another would show as 0. In their unit; seconds have a unit each."""
    magnitudes = sorted(abs(v) for v in values if v and not isinstance(v, bool))
    if unit not in (None, "USD") or not magnitudes or magnitudes[0] < 1e-6 or magnitudes[-1] >= 1e6:
        return [measured(v, unit) for v in values]
    if all(float(v).is_integer() for v in magnitudes):
        decimals = 0
    else:
        # A score of exactly 1 leaves the others three digits.
        largest, smallest = math.ceil(math.log10(magnitudes[-1])) - 1, math.floor(math.log10(magnitudes[0]))
        decimals = max(2 - largest, min(-smallest, 5 - largest), 0)
    sign = "$" if unit == "USD" else ""
    return [NONE if v is None else signed(f"{v:,.{decimals}f}".replace(",", THIN), sign) for v in values]
