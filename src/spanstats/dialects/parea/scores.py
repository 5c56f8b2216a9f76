"""Parea's score objects (contract of `POST /trace_log`): a number, `true` or `false`, a name, perhaps a reason."""

from typing import Any

from ...domain.span import Score
from ...domain.values import cut, number
from ...errors import InvalidInput
from ..normalize import check_scores

MAX_NAME_BYTES = 200
_MAX_METRIC_ID = 2**63 - 1


def read_scores(items: object, field: str = "scores") -> list[Score] | None:
    """The scores of a log; those without a name or a finite number are dropped, not the log.

    Raises `InvalidInput` above 100 scores.
    """
    if not isinstance(items, list):
        return None
    check_scores(items, field=field)
    return [score for item in items if (score := read_score(item)) is not None]


def read_score(item: Any) -> Score | None:
    """One score, `None` if it has neither value nor text."""
    if not isinstance(item, dict) or not isinstance(name := item.get("name"), str):
        return None
    if (value := _finite(item.get("score"))) is None:
        return None
    key = cut(name, MAX_NAME_BYTES) or ""
    reason, metric = item.get("reason"), item.get("evaluation_metric_id")
    return Score(
        key=key,
        value=value,
        reason=reason if isinstance(reason, str) else None,
        metric_id=metric if metric.__class__ is int and abs(metric) <= _MAX_METRIC_ID else None,
        name=key,
    )


def long_names(items: object) -> list[str]:
    """Whole names of the scores whose names were cut."""
    names = [i.get("name") for i in items if isinstance(i, dict)] if isinstance(items, list) else []
    return [n for n in names if isinstance(n, str) and cut(n, MAX_NAME_BYTES) != n]


def _finite(value: object) -> float | None:
    """A number as a double; true and false are 1 and 0."""
    if isinstance(value, bool | float):
        return float(value)
    try:
        return float(number(value, "score"))
    except (InvalidInput, OverflowError):
        return None
