"""Values as clients send them, made into whole microseconds, picodollars, tokens and safe text.

Ranges are those of the service (cost 0 to 100,000 dollars, tokens 0 to 2^31-1, latency 0 to 366 days, times 1970 to
2200): a value outside is refused by name, never clamped. Every function raises `InvalidInput` located at `field`.
"""

import math
import re
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from functools import lru_cache

from ..errors import invalid

MICRO = 1_000_000
PICO = 1_000_000_000_000
NANO = 1_000_000_000
MAX_COST_PD = 100_000 * PICO
MAX_TOKENS = 2**31 - 1
MAX_LATENCY_US = 366 * 86_400 * MICRO
MAX_TIME_US = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp()) * MICRO
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
        raise invalid("must be text", field, kind="string_type")
    if value in _DOTS:
        raise invalid("must not be `.` or `..`: the path of no request can carry it", field)
    if len(value) <= limit and value.isascii() and "\x00" not in value:
        return value
    if not is_clean(value):
        raise invalid("must not contain NUL or lone surrogates", field)
    if len(value) > limit or len(value.encode()) > limit:
        raise invalid(f"must be at most {limit} bytes", field, kind="string_too_long")
    return value


def cut(text: str | None, limit_bytes: int) -> str | None:
    """The text cut to at most `limit_bytes` of UTF-8, never inside a character."""
    if text is None or len(text) * 4 <= limit_bytes:
        return text
    return text.encode()[:limit_bytes].decode("utf-8", "ignore")


def number(value: object, field: str) -> Decimal:
    """A finite number, exactly as written: int, float (its shortest text) or numeric text; booleans are no numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise invalid("must be a number", field, kind="number_type")
    if isinstance(value, int) and value.bit_length() > 1100:
        raise invalid("is out of range", field)
    text = value.strip() if isinstance(value, str) else repr(value) if isinstance(value, float) else str(value)
    try:
        result = Decimal(text) if len(text) <= _MAX_NUMBER_TEXT and "_" not in text else None
    except InvalidOperation:
        result = None
    if result is None or not result.is_finite():
        raise invalid("must be a finite number", field, kind="number_type")
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
        raise invalid(f"must be {phrase}", field, kind="out_of_range")
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
        raise invalid("must be a whole number", field, kind="int_from_float")
    if not 0 <= exact <= MAX_TOKENS:
        raise invalid(f"must be 0 to {MAX_TOKENS}", field, kind="out_of_range")
    return int(exact)


def instant(value: object, field: str) -> int | None:
    """A `moment` between 1970 and 2200."""
    us = moment(value, field)
    return None if us is None else _in_range(us, field)


def moment(value: object, field: str) -> int | None:
    """ISO 8601 text as microseconds, cut; no zone is UTC; a date alone is its midnight; `None` for null and empty.

    A space where a `+` was (an offset that was not percent-encoded) is read as the plus. Years 1 to 9999: what is only
    compared with stored times may lie outside their range.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > 64:
        raise invalid("must be an ISO 8601 time", field, kind="datetime_parsing")
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        parsed = _spaced(value, field)
    return since_epoch(parsed)


def _spaced(value: str, field: str) -> datetime:
    try:
        return datetime.fromisoformat(_SPACED_OFFSET.sub(r"\1+\2", value.strip().upper()))
    except ValueError:
        raise invalid("must be an ISO 8601 time", field, kind="datetime_parsing") from None


_SPACED_OFFSET = re.compile(r"(:\d\d(?:\.\d+)?) (\d\d:?\d\d)$")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_NAIVE = datetime(1970, 1, 1)


def since_epoch(when: datetime) -> int:
    """Microseconds since 1970; subtraction never overflows, where a conversion to UTC would near year 1 and 9999."""
    delta = when - _EPOCH if when.tzinfo else when - _EPOCH_NAIVE
    return (delta.days * 86_400 + delta.seconds) * MICRO + delta.microseconds


def _in_range(us: int, field: str) -> int:
    if not 0 <= us <= MAX_TIME_US:
        raise invalid("must lie between 1970 and 2200", field, kind="out_of_range")
    return us


def epoch(value: object, field: str, unit_per_second: int) -> int | None:
    """A count since 1970 in 1/unit seconds as microseconds, cut; `None` for null and zero."""
    if value is None or value == 0 or value == "0" or value == "":
        return None
    exact = number(value, field) * MICRO / unit_per_second
    return _in_range(math.floor(exact), field)


def iso(us: int) -> str:
    """A time as ISO 8601 with zone, such as `2026-11-21T18:53:26.439017+00:00`."""
    whole, part = divmod(us, MICRO)
    return datetime.fromtimestamp(whole, UTC).replace(microsecond=part).isoformat()


# Scores are few values, each very often, and all of a long trace are read with each new one.
@lru_cache(maxsize=4_096)
def billionths(value: float | None) -> int | None:
    """A score in whole billionths for exact sums; `None` where it is no number or outside +-9e9."""
    if value is None or not abs(value) <= MAX_SCORE:
        return None
    return round_units(Decimal(repr(value)), NANO)
