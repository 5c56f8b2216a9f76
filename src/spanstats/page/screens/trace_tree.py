"""The spans of a trace as nested rows, each with its bar within the trace."""

from typing import Any

from ..charts.bars import time_bar
from ..content import as_text
from ..figures import seconds

Span = dict[str, Any]

_CONTENT = (("Error", "error"), ("Input", "input"), ("Output", "output"), ("Expected", "expected_output"))


def rows_of(tree: list[Span], extent: float) -> list[Span]:
    """The spans as the template shows them; the trace takes `extent` seconds."""
    return [_row(span, extent) for span in tree]


def _row(span: Span, extent: float) -> Span:
    start, length, failed = span["begins_after"], span["takes"], span["status"] == "error"
    sentence = f"{span['name'] or 'span'}: begins after {seconds(start)}, takes {seconds(length)}"
    return {
        **span,
        "failed": failed,
        "bar": time_bar(start, length, extent, sentence, "error" if failed else "own"),
        "is_long": bool(span["cut"]),
        "shown": [_shown(label, name, span) for label, name in _CONTENT if span[name] is not None],
        "below": rows_of(span["children"], extent),
    }


def _shown(label: str, name: str, span: Span) -> dict[str, Any]:
    return {"label": label, "text": as_text(span[name]), "is_cut": name in span["cut"]}
