"""What can go wrong, in the product's own words; the API turns each into its dialect's status and body."""

from collections.abc import Sequence
from dataclasses import dataclass

Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an input: where (path from the body, query or path), what, and a stable code."""

    location: Location
    message: str
    code: str = "value_error"

    def under(self, *prefix: str | int) -> "Problem":
        """The same problem seen from further out."""
        return Problem((*prefix, *self.location), self.message, self.code)

    def __str__(self) -> str:
        path = ".".join(map(str, self.location))
        return f"{path}: {self.message}" if path else self.message


class SpanstatsError(Exception):
    """Root of all errors that a client is meant to see; the text is safe to show."""


class StartError(Exception):
    """The program cannot go on; the text is one line that says why and what to do."""


class InvalidInput(SpanstatsError):
    """The input is wrong and would be wrong again: never retried."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = tuple(problems)


class Unauthenticated(SpanstatsError):
    """No key, a malformed key, or one that is unknown or revoked."""


class Forbidden(SpanstatsError):
    """The key is good but its scope does not allow this request."""


class NotFound(SpanstatsError):
    """What the path names does not exist for this tenant."""


class Conflict(SpanstatsError):
    """The request contradicts what is stored (a run name already used, an experiment already created)."""


class TooLarge(SpanstatsError):
    """Over a limit that is counted before any work is done."""


class OutOfScope(SpanstatsError):
    """The vendor's endpoint exists, and this service does not do what it does."""


class TooMany(SpanstatsError):
    """This tenant asks more often than it may."""

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unavailable(SpanstatsError):
    """Try again later: the database is away, busy or slow, or the queue is full."""

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


def invalid(message: str, *location: str | int, code: str = "value_error") -> InvalidInput:
    """An `InvalidInput` with one problem."""
    return InvalidInput([Problem(location, message, code)])
