"""How a span ended, in the ways that Respan's clients say it."""

_MAX_CODE = 2**31 - 1


def http_status(value: object) -> int | None:
    """A status code as number or text; `None` for what is none."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 10:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if value.__class__ is int and 0 <= value <= _MAX_CODE else None
