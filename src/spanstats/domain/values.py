"""Values as clients send them, made into whole picodollars and microseconds, tokens and safe text. Times: `times.py`.

Ranges are those of the service (cost 0 to 100,000 dollars, tokens 0 to 2^31-1, latency 0 to 366 days): a value outside
is refused by name, never clamped. Every function raises `InvalidInput` located at `field`.
"""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from functools import lru_cache

from ..errors import invalid

MILLI = 1_000

MICRO = 1_000_000

NANO = 1_000_000_000

PICO = 1_000_000_000_000

MAX_COST_PD = 100_000 * PICO

MAX_TOKENS = 2**31 - 1

MAX_LATENCY_US = 366 * 86_400 * MICRO

MAX_SCORE = 9e9

# JSON lets both through as escapes; PostgreSQL stores neither.
_SURROGATE = re.compile("[\ud800-\udfff]")

# Wide enough for any double, so that rounding happens once.
_EXACT = Context(prec=400, rounding=ROUND_HALF_EVEN)

_MAX_NUMBER_TEXT = 400

_DOTS = frozenset({".", ".."})

# A product of doubles below this is off by less than 0.001, so away from a tie it rounds as the decimal would.
_EXACTLY_ROUNDED = 2.0**40


def clean(text: str) -> str:
    """The text with NUL and lone surrogates replaced by U+FFFD."""
    if is_clean(text):
        return text
    # A pattern takes a hundred times as long, and millions of them are sent to keep a service busy.
    text = text.replace("\x00", "\ufffd")
    return text if is_clean(text) else _SURROGATE.sub(lambda _found: "\ufffd", text)


def is_clean(text: str) -> bool:
    """Whether PostgreSQL can store the text."""
    return "\x00" not in text and (text.isascii() or _is_unicode(text))


def _is_unicode(text: str) -> bool:
    """Whether it has no lone surrogates: encoding is faster than any search."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def identifier(value: object, field: str, limit: int = 256) -> str | None:
    """An opaque id, unchanged; `None` for null and empty. Ids that are too long, that cannot be stored, or that no path
    can carry (clients and proxies take `.` and `..` for steps, percent-encoded too) are refused, never cut.

    The limit is in bytes of UTF-8: index rows end at 2,704 bytes.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise invalid("must be text", field, code="string_type")
    if value in _DOTS:
        raise invalid("must not be `.` or `..`: the path of no request can carry it", field)
    if len(value) <= limit and value.isascii() and "\x00" not in value:
        return value
    if not is_clean(value):
        raise invalid("must not contain NUL or lone surrogates", field)
    if len(value) > limit or len(value.encode()) > limit:
        raise invalid(f"must be at most {limit} bytes", field, code="string_too_long")
    return value


def cut(text: str | None, limit_bytes: int) -> str | None:
    """The text cut to at most `limit_bytes` of UTF-8, never inside a character."""
    if text is None or len(text) * 4 <= limit_bytes:
        return text
    return text.encode()[:limit_bytes].decode("utf-8", "ignore")


def number(value: object, field: str) -> Decimal:
    """A finite number, exactly as written: int, float (its shortest text) or numeric text; booleans are no numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise invalid("must be a number", field, code="number_type")
    if isinstance(value, int) and value.bit_length() > 1100:
        raise invalid("is out of range", field)
    text = value.strip() if isinstance(value, str) else repr(value) if isinstance(value, float) else str(value)
    try:
        result = Decimal(text) if len(text) <= _MAX_NUMBER_TEXT and "_" not in text else None
    except InvalidOperation:
        result = None
    if result is None or not result.is_finite():
        raise invalid("must be a finite number", field, code="number_type")
    if result and result.adjusted() > 330:
        raise invalid("is out of range", field)
    return result


def scaled(value: object, field: str, unit: int, maximum: int, phrase: str) -> int | None:
    """A number in whole units, decimal and half-even; `None` for null; outside 0 to maximum refused with the phrase."""
    if value is None:
        return None
    if value.__class__ is int and 0 <= value * unit <= maximum:
        return value * unit
    if value.__class__ is float and 0.0 <= (product := value * unit) < _EXACTLY_ROUNDED and _far_from_tie(product):
        return round(product)
    exact = number(value, field)
    whole = round_units(exact, unit)
    if exact < 0 or whole > maximum:
        raise invalid(f"must be {phrase}", field, code="out_of_range")
    return whole


def _far_from_tie(product: float) -> bool:
    return not 0.49 < product % 1.0 < 0.51


def round_units(value: Decimal, unit: int) -> int:
    """value * unit as a whole number, half-even, exact for any decimal."""
    if value.adjusted() < -60:  # far below half a unit; the exact context would have to carry it
        return 0
    return int(_EXACT.to_integral_value(_EXACT.multiply(value, Decimal(unit))))


def picodollars(value: object, field: str) -> int | None:
    """Dollars as whole picodollars."""
    return scaled(value, field, PICO, MAX_COST_PD, "0 to 100,000 dollars")


def microseconds(value: object, field: str) -> int | None:
    """Seconds as whole microseconds."""
    return scaled(value, field, MICRO, MAX_LATENCY_US, "0 to 366 days, in seconds")


def tokens(value: object, field: str) -> int | None:
    """A whole number of tokens; 3.0 is whole, 3.5 is refused."""
    if value is None or (value.__class__ is int and 0 <= value <= MAX_TOKENS):
        return value
    exact = number(value, field)
    if exact != exact.to_integral_value():
        raise invalid("must be a whole number", field, code="int_from_float")
    if not 0 <= exact <= MAX_TOKENS:
        raise invalid(f"must be 0 to {MAX_TOKENS}", field, code="out_of_range")
    return int(exact)


# Scores are few values, each very often, and all of a long trace are read with each new one.
@lru_cache(maxsize=4_096)
def billionths(value: float | None) -> int | None:
    """A score in whole billionths for exact sums; `None` where it is no number or outside +-9e9."""
    if value is None or not abs(value) <= MAX_SCORE:
        return None
    return round_units(Decimal(repr(value)), NANO)
