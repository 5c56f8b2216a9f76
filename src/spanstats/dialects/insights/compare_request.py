"""Bodies of comparisons, read into requests. Every problem names the field."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ...comparison.correction import CORRECTIONS
from ...comparison.pairing import checked, read_pair_by
from ...comparison.request import MOST_CANDIDATES, MOST_MEASURES, Margin
from ...domain.times import moment
from ...domain.values import identifier, number
from ...domain.window import Window
from ...errors import InvalidInput, Location, invalid

_ARM_KEYS = frozenset({"experiment_id", "filters", "operator", "start_time", "end_time"})
BODY_KEYS = frozenset(
    {
        *("base", "candidates", "pair_by", "measures", "better", "margins", "cluster_by", "missing", "confidence"),
        "correction",
    }
)
_MISSING = {"exclude": False, "zero": True}
_BETTER = {"higher": True, "lower": False}


@dataclass(frozen=True, slots=True)
class SentArm:
    """An arm as it was sent: its filter is not bound yet. `body` is the location of the filter."""

    experiment_id: str
    window: Window
    body: Mapping[str, Any]
    at: tuple[str | int, ...]


def read_arm(arm: object, *at: str | int) -> SentArm:
    """An arm: an experiment's id, or an object with that, a filter and a window. Raises `InvalidInput`."""
    if isinstance(arm, str):
        arm = {"experiment_id": arm}
    if not isinstance(arm, dict):
        raise invalid("must be an object with an experiment_id", *at, code="dict_type")
    arm = members(arm, _ARM_KEYS, *at)
    experiment_id = _at(at, lambda: identifier(arm.get("experiment_id"), "experiment_id"))
    if experiment_id is None:
        raise invalid("must be there", *at, "experiment_id", code="missing")
    window = _at(
        at, lambda: Window(moment(arm.get("start_time"), "start_time"), moment(arm.get("end_time"), "end_time"))
    )
    return SentArm(experiment_id, window, arm, at)


def read_arms(body: Mapping[str, Any]) -> list[SentArm]:
    """The base and the candidates. Raises `InvalidInput`, also where one is compared with itself."""
    candidates = body.get("candidates")
    if not isinstance(candidates, list) or not candidates:
        raise invalid("must be a list of one candidate or more", "candidates", code="list_type")
    if len(candidates) > MOST_CANDIDATES:
        raise invalid(f"must be at most {MOST_CANDIDATES}", "candidates", code="too_long")
    if "base" not in body:
        raise invalid("must be there", "base", code="missing")
    arms = [read_arm(body["base"], "base"), *(read_arm(c, "candidates", i) for i, c in enumerate(candidates))]
    for arm in arms[1:]:
        if _meaning(arm) == _meaning(arms[0]):
            raise invalid("is the base itself: name another experiment, filter or window", *arm.at, code="same_arm")
    return arms


def _meaning(arm: SentArm) -> tuple[object, ...]:
    """Equal for arms that have the same traces because they were asked for in the same way."""
    return arm.experiment_id, arm.window, arm.body.get("filters") or None, arm.body.get("operator") or None


def read_options(body: Mapping[str, Any]) -> dict[str, Any]:
    """What a body says beside the arms, by the names of `Request`. Raises `InvalidInput`."""
    return {
        "pair_by": read_pair_by(body.get("pair_by", "auto")),
        "measures": _measures(body.get("measures")),
        "better": {k: _one_of(v, _BETTER, "better", k) for k, v in _by_name(body, "better").items()},
        "margins": {k: read_margin(v, "margins", k) for k, v in _by_name(body, "margins").items()},
        "cluster_by": checked(body["cluster_by"], "cluster_by") if "cluster_by" in body else None,
        "zero_for_missing": _one_of(body.get("missing", "exclude"), _MISSING, "missing"),
        "confidence": read_confidence(body.get("confidence", 0.95)),
        "correction": _one_of(body.get("correction", "holm"), {name: name for name in CORRECTIONS}, "correction"),
    }


def _measures(names: object) -> tuple[str, ...] | None:
    if names is None:
        return None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise invalid("must be a list of names of measures", "measures", code="list_type")
    if len(names) > MOST_MEASURES:
        raise invalid(f"must be at most {MOST_MEASURES}", "measures", code="too_long")
    return tuple(names)


def _by_name(body: Mapping[str, Any], field: str) -> dict[str, Any]:
    values = body.get(field, {})
    if not isinstance(values, dict):
        raise invalid("must be an object by name of measure", field, code="dict_type")
    if len(values) > MOST_MEASURES:
        raise invalid(f"must be at most {MOST_MEASURES}", field, code="too_long")
    return values


def _one_of(value: object, options: Mapping[str, Any], *at: str) -> Any:
    if not isinstance(value, str) or value not in options:
        raise invalid(f"must be one of {', '.join(options)}", *at, code="enum")
    return options[value]


def read_margin(margin: object, *at: str) -> Margin:
    """A number in the measure's unit, or text such as `5%` of the base's mean. Raises `InvalidInput`."""
    *path, name = at
    of_base = isinstance(margin, str) and margin.strip().endswith("%")
    plain = margin.strip().removesuffix("%") if isinstance(margin, str) else margin
    size = Fraction(_at(tuple(path), lambda: number(plain, name)))
    if size < 0 or size > 10**18:
        raise invalid("must be from 0 to 10^18", *at, code="out_of_range")
    return Margin(size / 100 if of_base else size, of_base)


def read_confidence(value: object) -> float:
    """More than a half and less than 1. Raises `InvalidInput`."""
    confidence = float(number(value, "confidence"))
    if not 0.5 < confidence <= 0.9999:
        raise invalid("must be more than 0.5 and at most 0.9999", "confidence", code="out_of_range")
    return confidence


def members(object_: Mapping[str, Any], allowed: frozenset[str], *at: str | int) -> dict[str, Any]:
    """What an object has; null says no more than an absent key.

    A misspelt key must not change what a comparison means. Raises `InvalidInput`.
    """
    for key in object_:
        if key not in allowed:
            raise invalid(f"is not one of {', '.join(sorted(allowed))}", *at, key, code="extra_forbidden")
    return {key: value for key, value in object_.items() if value is not None}


def _at(at: Location, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except InvalidInput as error:
        raise InvalidInput([problem.under(*at) for problem in error.problems]) from error
