"""What the address of a run's screen chooses: the run, which of its traces, and how they are grouped and listed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from fastapi import Request

from ..calls import path_of
from ..conditions import Condition, conditions_of, filters_of
from ..links import run_link

GROUPS = ("model", "status", "name", "environment", "span_name", "customer_identifier")
"""Fields to group by that are offered beside the metadata keys of the run."""


@dataclass(frozen=True, slots=True)
class Choices:
    """`by`, `listed` and `score`, which comes first, are as the address has them, empty where it says nothing."""

    run_id: str
    conditions: Sequence[Condition] = ()
    by: str = ""
    listed: str = ""
    score: str = ""

    @property
    def filtered(self) -> dict[str, Any]:
        """The part of a request's body that chooses the traces."""
        return {"filters": filters_of(self.conditions)} if self.conditions else {}

    @property
    def hidden_fields(self) -> list[tuple[str, str]]:
        """What a form keeps of the address besides the conditions."""
        pairs = (("id", self.run_id), ("by", self.by), ("list", self.listed), ("score", self.score))
        return [(name, value) for name, value in pairs if value]

    def without(self, index: int) -> "Choices":
        """Without the condition at this index."""
        return replace(self, conditions=[c for i, c in enumerate(self.conditions) if i != index])

    def link(self, **changed: str) -> str:
        """This screen with other choices: `by`, `list` and `score`."""
        chosen = dict(self.hidden_fields[1:]) | changed
        return run_link(self.run_id, self.conditions, list(chosen.items()))


def choices_of(request: Request) -> Choices:
    """The choices of a request's address."""
    query = request.query_params
    by, listed, score = (query.get(name, "") for name in ("by", "list", "score"))
    return Choices(query.get("id", ""), conditions_of(request), by, listed, score)


def scores_of(whole: dict[str, Any], choices: Choices) -> list[str]:
    """The scores of the run that have numbers, first the one that is chosen."""
    names = [name for name, figures in whole["measures"].items() if name.startswith("scores.") and figures["count"]]
    return [*(name for name in names if name == choices.score), *(name for name in names if name != choices.score)]


def run_path(run_id: str) -> str:
    """Where the interface answers what the run says."""
    return path_of("api", "stats", "v1", "experiments", run_id)
