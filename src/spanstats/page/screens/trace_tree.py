"""The spans of a trace as nested rows, each with its bar within the trace."""

from collections.abc import Iterator
from typing import Any

from ..charts.bars import time_bar
from ..content import as_text
from ..figures import seconds

Span = dict[str, Any]

_MOST_LEVELS = 24
"""Spans below stand side by side: each further level would be narrower than a word."""

_CONTENT = (("Error", "error"), ("Input", "input"), ("Output", "output"), ("Expected", "expected_output"))


def rows_of(tree: list[Span], extent: float, levels: int = _MOST_LEVELS) -> list[Span]:
    """The spans as the template shows them; the trace takes `extent` seconds."""
    return [_row(span, extent, levels) for span in tree]


def _row(span: Span, extent: float, levels: int) -> Span:
    """A span with those below it, which nest `levels` deep."""
    start, length, failed = span["begins_after"], span["takes"], span["status"] == "error"
    sentence = f"{span['name'] or 'span'}: begins after {seconds(start)}, takes {seconds(length)}"
    return {
        **span,
        "failed": failed,
        "bar": time_bar(start, length, extent, sentence, "error" if failed else "own"),
        "shown": [_shown(label, name, span) for label, name in _CONTENT if span[name] is not None],
        "below": _below(span, extent, levels),
    }


def _shown(label: str, name: str, span: Span) -> dict[str, Any]:
    return {"label": label, "text": as_text(span[name]), "is_cut": name in span["cut"]}


def _below(span: Span, extent: float, levels: int) -> list[Span]:
    if levels > 1:
        return rows_of(span["children"], extent, levels - 1)
    return rows_of([{**child, "children": []} for child in _walked(span["children"])], extent, levels)


def _walked(tree: list[Span]) -> Iterator[Span]:
    """Each span, a parent before its children."""
    for span in tree:
        yield span
        yield from _walked(span["children"])
