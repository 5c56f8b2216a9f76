"""The options of a request, read from its query and its body alike. Names that it may not use are refused."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from ...domain.times import moment
from ...domain.values import is_clean, number
from ...errors import InvalidInput, Problem, invalid
from ...stats.sums import Window

FILTERS = ("filters", "operator")
"""What a body has for the filters; no query does."""

_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_MAX_NAMES = 100
_LARGEST, _SMALLEST = 10**15, -15
_MAX_NAME = 300
_MAX_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Options:
    """The values by name, and where each was sent: `query` or `body`. Null and empty values are left out."""

    values: Mapping[str, Any]
    where: Mapping[str, str]
    default: str = "query"
    """Where a missing option would be sent."""

    @property
    def filters(self) -> dict[str, Any]:
        """The part of the body that holds filters."""
        return {name: self.values[name] for name in FILTERS if name in self.values}

    def text(self, name: str) -> str | None:
        """Raises `InvalidInput` for what is no text."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, str):
            raise self.wrong(name, "must be text", "string_type")
        return value

    def names(self, name: str) -> list[str]:
        """A list, or text with commas between the names; empty where it is not sent. Raises `InvalidInput`."""
        value = self.values.get(name)
        listed = value.split(",") if isinstance(value, str) else [] if value is None else value
        if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
            raise self.wrong(name, "must be a list of texts", "list_type")
        if len(listed) > _MAX_NAMES or any(len(item) > _MAX_NAME for item in listed):
            raise self.wrong(name, "is too long", "too_long")
        if not all(map(is_clean, listed)):
            raise self.wrong(name, "must not contain NUL or lone surrogates", "value_error")
        return [item.strip() for item in listed if item.strip()]

    def mapping(self, name: str) -> dict[str, str]:
        """An object of texts; other values as JSON text. Raises `InvalidInput`."""
        value = self.values.get(name, {})
        if not isinstance(value, dict) or len(value) > _MAX_NAMES:
            raise self.wrong(name, f"must be an object of at most {_MAX_NAMES} members", "dict_type")
        return {k: v if isinstance(v, str) else msgspec.json.encode(v).decode() for k, v in value.items()}

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number in this range. Raises `InvalidInput`."""
        value = self.values.get(name)
        if value is None:
            return default
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 12:
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.wrong(name, f"must be a whole number from {low} to {high}", "out_of_range")
        return value

    def decimal(self, name: str) -> Decimal | None:
        """A number, exactly as it is written. Raises `InvalidInput`."""
        value = self.values.get(name)
        return None if value is None else bounded(self.located(name, number, value, name), self, name)

    def flag(self, name: str) -> bool:
        """`true` or `false`, also as text or 1 and 0; false where it is not sent. Raises `InvalidInput`."""
        value = self.values.get(name, False)
        is_set = value if isinstance(value, bool) else _FLAGS.get(value.lower()) if isinstance(value, str) else None
        if is_set is None:
            raise self.wrong(name, "must be true or false", "bool_parsing")
        return is_set

    def one_of(self, name: str, allowed: Collection[str], default: str) -> str:
        """One of these words. Raises `InvalidInput`."""
        value = self.values.get(name, default)
        if not isinstance(value, str) or value not in allowed:
            raise self.wrong(name, f"must be one of {', '.join(allowed)}", "enum")
        return value

    def window(self) -> Window:
        """From `start_time` to `end_time`. Raises `InvalidInput`."""
        ends = [self.located(name, moment, self.values.get(name), name) for name in ("start_time", "end_time")]
        return Window(*ends)

    def located(self, name: str, read: Any, *values: Any) -> Any:
        """What the function makes of the values; its problems are located where this name was sent."""
        try:
            return read(*values)
        except InvalidInput as error:
            raise InvalidInput([p.under(self.where.get(name, self.default)) for p in error.problems]) from error

    def wrong(self, name: str, message: str, code: str) -> InvalidInput:
        """The problem of this value."""
        return invalid(message, self.where.get(name, self.default), name, code=code)


def bounded(value: Decimal, options: Options, name: str) -> Decimal:
    """The number, if it is one that a measure may come near. Raises `InvalidInput`."""
    if abs(value) > _LARGEST or (value and value.adjusted() < _SMALLEST):
        raise options.wrong(name, f"must be 0 or between 1e{_SMALLEST} and {_LARGEST:.0e}", "out_of_range")
    return value


def read_options(query: Sequence[tuple[str, str]], body: object, allowed: Collection[str], *, filters: bool) -> Options:
    """The options of the query and the body. Raises `InvalidInput` for names that are not allowed or are sent twice."""
    if body is not None and not isinstance(body, dict):
        raise invalid("must be an object", "body", code="dict_type")
    options: dict[str, Any] = body or {}
    in_body = {*allowed, *FILTERS} if filters else set(allowed)
    names = [name for name, _ in query]
    problems = [
        *_unknown("query", names, set(allowed)),
        *_unknown("body", options, in_body),
        *_repeated(names, options),
    ]
    if problems:
        raise InvalidInput(problems)
    located = {name: ("query", value) for name, value in query if value != ""}
    located |= {name: ("body", value) for name, value in options.items() if value is not None and value != ""}
    return Options(
        {name: value for name, (_, value) in located.items()},
        {name: at for name, (at, _) in located.items()},
        _default(body),
    )


def check_query(query: Sequence[tuple[str, str]], allowed: Collection[str] = (), several: Collection[str] = ()) -> None:
    """Raises `InvalidInput` for names of a query that are not allowed, or are named twice and not among `several`."""
    names = [name for name, _ in query]
    once = [name for name in names if name not in several]
    problems = [*_unknown("query", names, {*allowed, *several}), *_repeated(once, {})]
    if problems:
        raise InvalidInput(problems)


def _default(body: object) -> str:
    return "query" if body is None else "body"


def _unknown(at: str, names: Iterable[str], allowed: set[str]) -> list[Problem]:
    hint = f"is not one of {', '.join(sorted(allowed))}" if allowed else "means nothing here"
    return [Problem((at, name), hint, "extra_forbidden") for name in names if name not in allowed][:_MAX_PROBLEMS]


def _repeated(names: Sequence[str], options: Mapping[str, Any]) -> list[Problem]:
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1 or name in options]
    return [Problem(("query", name), "is given more than once", "repeated") for name in twice[:_MAX_PROBLEMS]]
