"""What the address of a comparison chooses: the runs, how they are compared, and which items are shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fastapi import Request

from ..conditions import Condition, conditions_of, filters_of, query_of
from ..links import compare_link

SHOWN = ("worsened", "improved", "equal", "missing", "only_base", "only_candidate", "all")
PAIRINGS = ("auto", "input", "comparison_key", "custom_identifier", "name", "none")
_OPTIONS = ("measure", "show", "of", "pair_by", "margin", "measures")


@dataclass(frozen=True, slots=True)
class Choices:
    """`options` are those of `_OPTIONS` that the address names."""

    base: str
    candidates: Sequence[str]
    conditions: Sequence[Condition] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    cursor: str | None = None

    @property
    def names(self) -> list[str]:
        return [self.base, *self.candidates]

    @property
    def show(self) -> str | None:
        """Which items: of `SHOWN`; `None` where the address does not say."""
        name = self.options.get("show")
        return name if name in SHOWN else None

    @property
    def of(self) -> int:
        """The index of the candidate whose items are shown."""
        text = self.options.get("of", "")
        return int(text) if text.isascii() and text.isdigit() and int(text) < len(self.candidates) else 0

    @property
    def is_paired(self) -> bool:
        """Whether items are wanted in pairs."""
        return self.options.get("pair_by") != "none"

    @property
    def body(self) -> dict[str, Any]:
        """The comparison as the interface takes it."""
        filters = {"filters": filters_of(self.conditions)} if self.conditions else {}
        base, *candidates = [{"experiment_id": name, **filters} for name in self.names]
        body: dict[str, Any] = {"base": base, "candidates": candidates}
        if (pair_by := self.options.get("pair_by")) and pair_by != "auto":
            body["pair_by"] = pair_by
        if measures := [name.strip() for name in self.options.get("measures", "").split(",") if name.strip()]:
            body["measures"] = measures
        if (margin := self.options.get("margin")) and (measure := self.options.get("measure")):
            body["margins"] = {measure: _number(margin)}
        return body

    @property
    def hidden_fields(self) -> list[tuple[str, str]]:
        """What a form keeps of the address besides the conditions."""
        return [("base", self.base), *(("candidate", c) for c in self.candidates), *self.options.items()]

    def link(self, **changed: str | None) -> str:
        """This comparison with other options; one that is `None` is left out."""
        chosen = [(name, value) for name, value in ({**self.options} | changed).items() if value]
        return compare_link(self.base, self.candidates, [*chosen, *query_of(self.conditions)])

    def without(self, index: int | None) -> str:
        """This comparison without the condition at this index, or without all of them."""
        left = [] if index is None else [c for i, c in enumerate(self.conditions) if i != index]
        return replace(self, conditions=left).link()

    @property
    def swapped(self) -> str:
        """The base as the first candidate, and that as the base."""
        return compare_link(self.candidates[0], [self.base, *self.candidates[1:]])


def choices_of(request: Request) -> Choices:
    """The choices of a request's address."""
    query = request.query_params
    runs = query.getlist("run")
    base = query.get("base") or (runs[-1] if runs else "")
    others = query.getlist("candidate") or runs[::-1]
    options = {name: query[name] for name in _OPTIONS if query.get(name)}
    candidates = [c for c in dict.fromkeys(others) if c and c != base]
    return Choices(base, candidates, conditions_of(request), options, query.get("cursor") or None)


def _number(text: str) -> float | str:
    """A number where it is one; the interface says what is wrong with anything else, and takes `5%`."""
    try:
        return float(text)
    except ValueError:
        return text
