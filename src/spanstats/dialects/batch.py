"""What many spans in one body become: the good ones, and what is wrong with each of the others."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from ..domain.span import Span
from ..errors import InvalidInput, Problem, TooLarge

MAX_SPANS = 10_000

T = TypeVar("T")


@dataclass(slots=True)
class Batch:
    """`rejected` holds (index in the body, the first problem); one bad span never costs its neighbours."""

    spans: list[Span] = field(default_factory=list)
    rejected: list[tuple[int, Problem]] = field(default_factory=list)

    @property
    def reasons(self) -> str:
        """The first few problems, with their indices, as one line."""
        return "; ".join(f"span {i}: {p}" for i, p in self.rejected[:5])


def read_each(items: Iterable[T], read: Callable[[T], Span]) -> Batch:
    """Every item read on its own."""
    batch = Batch()
    for index, item in enumerate(items):
        try:
            batch.spans.append(read(item))
        except InvalidInput as error:
            batch.rejected.append((index, error.problems[0]))
    return batch


def check_count(count: int, max_spans: int) -> None:
    """Raises `TooLarge` above the limit of spans in one request."""
    if count > max_spans:
        raise TooLarge(f"At most {max_spans} spans in one request")
