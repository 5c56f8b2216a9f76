"""Numbers as people read them: three significant digits, units beside, thin spaces between thousands.

`None` is a dash: a number without data is never 0.
"""

import math
import re
from datetime import UTC, datetime

THIN = "\u202f"
MINUS = "\u2212"
NONE = "\u2013"
TIMES = "\u00d7"

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SECONDS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))


def whole(value: float | None) -> str:
    """1 234 567."""
    return NONE if value is None else signed(f"{value:,.0f}".replace(",", THIN))


def compact(value: float) -> str:
    """1 234, 12.3 k, 4.56 M: a count where there is little room."""
    size, unit = next(((s, u) for s, u in ((1e9, "G"), (1e6, "M"), (1e4, "k")) if abs(_rounded(value)) >= s), (1.0, ""))
    size = 1e3 if unit == "k" else size
    return f"{digits(value / size)}{THIN}{unit}" if unit else whole(value)


def digits(value: float | None, significant: int = 3) -> str:
    """Three significant digits, as a power of ten below a millionth and from 10^12; whole numbers stay whole."""
    if value is None:
        return NONE
    if value == 0:
        return "0"
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    if not 1e-6 <= abs(value) < 1e12:
        return signed(_power(value, significant))
    decimals = max(0, significant - 1 - math.floor(math.log10(abs(_rounded(value, significant)))))
    text = f"{value:,.{decimals}f}"
    if decimals > 0 and float(value).is_integer():
        text = f"{value:,.0f}"
    return signed(text.replace(",", THIN))


def _rounded(value: float, significant: int = 3) -> float:
    """To as many digits: 0.9996 is shown as 1.00, not 1.000."""
    return float(f"{value:.{significant - 1}e}")


def _power(value: float, significant: int) -> str:
    """A number and a power of ten."""
    number, _, exponent = f"{value:.{significant - 1}e}".partition("e")
    return f"{number}{TIMES}10{str(int(exponent)).translate(_RAISED)}"


def dollars(value: float | None) -> str:
    """$0.0123, $1 234.50."""
    if value is None:
        return NONE
    text = f"{abs(value):,.2f}".replace(",", THIN) if 100 <= abs(value) < 1e12 else digits(abs(value))
    return ("" if value >= 0 else MINUS) + "$" + text


def seconds(value: float | None) -> str:
    """850 ms, 1.25 s, 3.4 min: the unit in which the number is at least one."""
    if value is None:
        return NONE
    if value == 0:
        return f"0{THIN}s"
    size, unit = unit_of_seconds(value)
    return f"{digits(value / size)}{THIN}{unit}"


def unit_of_seconds(value: float) -> tuple[float, str]:
    """The length of the unit in seconds, and its name."""
    return next(((s, u) for s, u in _SECONDS if abs(_rounded(value)) >= s), _SECONDS[-1])


def percent(value: float | None) -> str:
    """0.0123 is 1.23 %."""
    return NONE if value is None else f"{digits(value * 100)}{THIN}%"


def counted(number: float | None, one: str, several: str | None = None) -> str:
    """1 trace, 2 traces."""
    return f"{whole(number)} {one if number == 1 else several or one + 's'}"


_BY_UNIT = {"USD": dollars, "s": seconds, "%": percent}


def measured(value: float | None, unit: str | None = None) -> str:
    """The value in its unit, as the interface names units: USD, s, tokens/s, tokens, none."""
    shown = _BY_UNIT.get(unit or "")
    if shown is not None:
        return shown(value)
    if value is None:
        return NONE
    return f"{digits(value)}{THIN}tok/s" if unit == "tokens/s" else digits(value)


def short(value: float, unit: str | None = None) -> str:
    """The value in its unit; large ones without a unit as `compact` has them."""
    return compact(value) if unit is None and abs(value) >= 1e4 else measured(value, unit)


def tick(value: float, unit: str | None = None) -> str:
    """The label of a round value on an axis: no zeros at its end."""
    return re.sub(r"(\.\d*?)0+(?!\d)", lambda match: match[1].rstrip("."), measured(value, unit))


def change(value: float | None, unit: str | None = None) -> str:
    """The value with its sign: a plus, a minus, or the sign of neither for 0."""
    if value is None:
        return NONE
    if value == 0:
        return "±0"
    return measured(value, unit) if value < 0 else "+" + measured(value, unit)


def probability(value: float | None) -> str:
    """0.041; below a thousandth only that it is."""
    if value is None:
        return NONE
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def score(value: float | bool | None) -> str:
    """A number, true or false; a dash where there is none."""
    return str(value).lower() if isinstance(value, bool) else digits(value)


def moment(value: str | None) -> str:
    """An ISO time as 2026-11-28 10:15, in UTC."""
    if value is None:
        return NONE
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return value
    return (at if at.tzinfo is None else at.astimezone(UTC)).strftime("%Y-%m-%d %H:%M")


def signed(text: str, sign: str = "") -> str:
    """The number with a typographic minus, and the sign of its unit behind that."""
    return MINUS + sign + text[1:] if text.startswith("-") else sign + text


_NAMES = {
    "ttft": "time to first token",
    "tps": "output speed",
    "error": "failure rate",
    "prompt_tokens": "input tokens",
    "completion_tokens": "output tokens",
    "total_tokens": "tokens",
}


def measure_name(name: str) -> str:
    """A measure of the interface as people call it; a score by its evaluator."""
    return _NAMES.get(name) or (name.removeprefix("scores.") if name.startswith("scores.") else name.replace("_", " "))
