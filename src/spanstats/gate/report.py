"""A comparison as text for a terminal, or as Markdown for a pull request."""

from collections.abc import Iterable
from typing import Any

from .decision import Answer, Exit, Line, lines

_HEAD = ("measure", "base", "candidate", "difference", "95 % interval", "p", "verdict")
_OUTCOME = {
    Exit.PASSED: "No measure is worse.",
    Exit.WORSE: "Worse: {names}.",
    Exit.INCONCLUSIVE: "Not worse, but not known well enough either: {names}.",
}


def text_report(answer: Answer, outcome: Exit) -> str:
    """Columns of equal width, then warnings and the outcome."""
    table = [_head(answer), *map(_cells, lines(answer))]
    widths = [max(len(row[i]) for row in table) for i in range(len(_HEAD))]
    rows = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    warnings = [f"Warning: {warning['message']}" for warning in answer["warnings"]]
    return "\n".join([_title(answer), "", *rows, "", *warnings, _said(answer, outcome)]) + "\n"


def markdown_report(answer: Answer, outcome: Exit) -> str:
    """A table as GitHub shows it."""
    rows = [_head(answer), ("---",) * len(_HEAD), *map(_cells, lines(answer))]
    table = ["| " + " | ".join(map(_escaped, row)) + " |" for row in rows]
    warnings = [f"> **Warning:** {_escaped(warning['message'])}" for warning in answer["warnings"]]
    parts = [f"### {_escaped(_title(answer))}", "\n".join(table), *warnings, f"**{_escaped(_said(answer, outcome))}**"]
    return "\n\n".join(parts) + "\n"


def _head(answer: Answer) -> tuple[str, ...]:
    return tuple(cell.replace("95", f"{100 * answer['confidence']:g}") for cell in _HEAD)


def _title(answer: Answer) -> str:
    candidate = answer["candidates"][0]
    pairing = candidate["pairing"]
    return f"{candidate['experiment_id']} against {answer['base']['experiment_id']}: {_paired(pairing)}"


def _paired(pairing: dict[str, Any]) -> str:
    if "both" not in pairing:
        return "arms as a whole"
    return f"{pairing['both']:,} {'item' if pairing['both'] == 1 else 'items'} in both"


def _cells(line: Line) -> tuple[str, ...]:
    tested, unit = line.tested, line.measure["unit"]
    means = tested.get("base_mean"), tested.get("candidate_mean")
    if line.measure["paired"] is None:
        means = line.measure["base"]["mean"], line.measure["candidate"]["mean"]
    low, high = tested["low"], tested["high"]
    return (
        f"{line.name} ({unit})" if unit else line.name,
        *map(_number, means),
        _number(tested["difference"], signed=True),
        "" if low is None else f"{_number(low, signed=True)} to {_number(high, signed=True)}",
        "" if tested["p_adjusted"] is None else _p(tested["p_adjusted"]),
        line.verdict,
    )


def _number(value: float | None, *, signed: bool = False) -> str:
    if value is None:
        return "unknown"
    return f"{value:+.4g}" if signed and value else f"{value:.4g}"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _said(answer: Answer, outcome: Exit) -> str:
    verdicts = ("worse",) if outcome is Exit.WORSE else ("inconclusive", "insufficient")
    return _OUTCOME[outcome].format(names=_listed(line.name for line in lines(answer) if line.verdict in verdicts))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "a measure that neither run has"


def _escaped(text: str) -> str:
    """Names come from clients."""
    for character in "\\|`*_<>[]":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())
