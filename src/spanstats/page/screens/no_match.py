"""Which condition is to blame where no trace matches all of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..calls import Call
from ..conditions import Condition
from ..parts import Part
from .run_choices import Choices, run_path

_MAX_CONDITIONS = 10
"""More of them are named without their counts."""


@dataclass(frozen=True, slots=True)
class Blame:
    """How many traces match the condition alone, and how many match all others."""

    condition: Condition
    alone: int
    without: int


def no_match_part(choices: Choices) -> Part:
    """After the figures, and only where they are of no trace: a `Blame` for each condition."""
    return Part(
        lambda figures: [] if figures["traces"] else blame_calls(choices),
        lambda *answers: blames_of(choices.conditions, answers),
        after="figures",
    )


def blame_calls(choices: Choices) -> list[Call]:
    """How many traces match each condition alone, and how many all others; nothing where that is a lot to ask."""
    if len(choices.conditions) > _MAX_CONDITIONS:
        return []
    path = run_path(choices.run_id)
    pairs = [(replace(choices, conditions=[c]), choices.without(i)) for i, c in enumerate(choices.conditions)]
    return [Call(path, body={**some.filtered, "measures": ["error.count"]}) for pair in pairs for some in pair]


def blames_of(conditions: Sequence[Condition], answers: Sequence[dict[str, Any]]) -> list[Blame]:
    """What `blame_calls` answer, condition by condition."""
    counts = [answer["traces"] for answer in answers]
    return [Blame(*blame) for blame in zip(conditions, counts[::2], counts[1::2], strict=False)]
