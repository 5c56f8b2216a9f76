"""The spans of a trace as nested rows, each with its bar within the trace."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from ..charts.bars import time_bar
from ..content import as_text
from ..figures import seconds

Span = dict[str, Any]

_MOST_LEVELS = 24
"""Spans below stand side by side: each further level would be narrower than a word."""

_CONTENT = (("Error", "error_message"), ("Input", "input"), ("Output", "output"), ("Expected", "expected_output"))


@dataclass(frozen=True, slots=True)
class Extent:
    """When the first span of a trace begins, in seconds since 1970, and how long it takes until the last one ends."""

    began: float
    whole: float


def rows_of(tree: list[Span], most: int) -> list[Span]:
    """The first `most` spans of the tree, a parent before its children."""
    spans = [span for span, _ in walked(tree)]
    kept = {id(span) for span in islice(spans, most)}
    return [_row(span, _extent(spans), kept, 1) for span in tree if id(span) in kept]


def walked(tree: list[Span]) -> Iterator[tuple[Span, int]]:
    """Each span and its level, a parent before its children, however deep they lie."""
    left = [(span, 1) for span in reversed(tree)]
    while left:
        span, level = left.pop()
        yield span, level
        left += [(child, level + 1) for child in reversed(span["children"])]


def _row(span: Span, extent: Extent, kept: set[int], level: int) -> Span:
    """What the template shows of a span."""
    start = _moment(span["start_time"]) - extent.began
    length = _moment(span["end_time"]) - extent.began - start if span["duration"] is None else span["duration"]
    sentence = f"{span['name'] or 'span'}: begins after {seconds(start)}, takes {seconds(length)}"
    failed = span["status"] == "error"
    below = span["children"] if level < _MOST_LEVELS else [child for child, _ in walked(span["children"])]
    return {
        **span,
        "failed": failed,
        "bar": time_bar(start, length, extent.whole, sentence, "error" if failed else "own"),
        "shown": [(label, as_text(span.get(name))) for label, name in _CONTENT if span.get(name) is not None],
        "below": [
            _row(child if level < _MOST_LEVELS else child | {"children": []}, extent, kept, level + 1)
            for child in below
            if id(child) in kept
        ],
    }


def _extent(spans: list[Span]) -> Extent:
    times = [(_moment(span["start_time"]), _moment(span["end_time"])) for span in spans]
    began = min((start for start, _ in times), default=0.0)
    return Extent(began, max((end for _, end in times), default=0.0) - began)


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
