"""Numbers as instrumentations send them: whole tokens, picodollars and microseconds, or nothing where none is known.

NaN, null, an empty text and words such as "none" are "not known"; the span that carries them stays. Any other
value that is no number, or is out of range, is refused by name (`domain/values.py`).
"""

from typing import Any

from ..domain.times import instant
from ..domain.values import MAX_TOKENS, microseconds, picodollars, scaled, tokens

_UNKNOWN_WORDS = frozenset({"", "nan", "null", "none", "undefined", "n/a"})
_MILLI = 1_000


def is_unknown(value: Any) -> bool:
    """Whether a value says that a number is not known."""
    if value.__class__ is int:
        return False
    if value is None:
        return True
    if isinstance(value, str):
        return len(value) <= 16 and value.strip().lower() in _UNKNOWN_WORDS
    return value.__class__ is float and value != value


def known_tokens(value: Any, field: str) -> int | None:
    """A whole number of tokens."""
    if value.__class__ is int and 0 <= value <= MAX_TOKENS:
        return value
    return None if is_unknown(value) else tokens(value, field)


def is_no_total(total: int | None, *tokens: int | None) -> bool:
    """Whether a total is 0 beside tokens: they were never added up."""
    return total == 0 and any(tokens)


def known_dollars(value: Any, field: str) -> int | None:
    """Dollars as picodollars."""
    return None if is_unknown(value) else picodollars(value, field)


def known_seconds(value: Any, field: str) -> int | None:
    """Seconds as microseconds."""
    return None if is_unknown(value) else microseconds(value, field)


def known_time(value: Any, field: str) -> int | None:
    """ISO 8601 text as microseconds since 1970."""
    return None if is_unknown(value) else instant(value, field)


def first_token_seconds(value: Any, field: str) -> int | None:
    """Seconds to the first token as microseconds; a zero was never measured, so it is not known."""
    return known_seconds(value, field) or None


def first_token_milliseconds(value: Any, field: str) -> int | None:
    """Milliseconds to the first token as microseconds; zero is not known."""
    if is_unknown(value):
        return None
    return scaled(value, field, _MILLI, 366 * 86_400 * 1_000_000, "0 to 366 days, in milliseconds") or None
