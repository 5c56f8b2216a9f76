"""Classify the attributes of a span by what they mean: fields, numbers, messages, metadata, and all others."""

from functools import lru_cache
from typing import Any, NamedTuple

from ..names.kinds import UNKNOWN_KINDS
from ..numbers import is_unknown
from .attributes import MESSAGE_PREFIXES, METADATA_NAMESPACES, METADATA_PREFIXES, PLAIN_ATTRIBUTES, TARGETS
from .messages import Messages

_OLD_PREFIX, _PREFIX = "keywordsai.", "respan."


class _Target(NamedTuple):
    """Where an attribute belongs, by its name alone. `name` is what it is kept under if it is not a field's value."""

    section: str
    field: str
    rank: int
    name: str


@lru_cache(maxsize=4_096)
def _target(attribute: str) -> _Target:
    """Senders use few names, each very often."""
    name = _PREFIX + attribute[len(_OLD_PREFIX) :] if attribute.startswith(_OLD_PREFIX) else attribute
    if (target := TARGETS.get(name)) is not None:
        return _Target(*target, name)
    if "." not in name:
        return _Target("rest" if name in PLAIN_ATTRIBUTES else "plain", "", 0, name)
    if name.startswith(METADATA_PREFIXES):
        prefix = next(p for p in METADATA_PREFIXES if name.startswith(p))
        return _Target("metadata", "", 0, name[len(prefix) :])
    if name.startswith(METADATA_NAMESPACES):
        return _Target("metadata", "", 0, name)
    if (prefix := name[: name.find(".", len("gen_ai.")) + 1]) in MESSAGE_PREFIXES:
        return _Target("messages", MESSAGE_PREFIXES[prefix], 0, name[len(prefix) :])
    return _Target("rest", "", 0, name)


class Classified:
    """Values by field, each with the name that it came under; `metadata` and `rest` by their own names.

    Of several names of one field the one of the lowest rank wins, in any order. A loser with another value is
    kept under its own name in `rest`. A number that is not known, and a kind that says nothing, lose to any other.
    """

    __slots__ = (
        "attribute",
        "block",
        "experiment",
        "kind",
        "label",
        "messages",
        "metadata",
        "number",
        "object",
        "plain",
        "rest",
        "span",
    )

    def __init__(self, attributes: dict[str, Any]) -> None:
        self.span: dict[str, tuple[Any, str]] = {}
        self.kind: dict[str, tuple[Any, str]] = {}
        self.number: dict[str, tuple[Any, str]] = {}
        self.block: dict[str, tuple[Any, str]] = {}
        self.label: dict[str, tuple[Any, str]] = {}
        self.attribute: dict[str, tuple[Any, str]] = {}
        self.object: dict[str, tuple[Any, str]] = {}
        self.experiment: dict[str, tuple[Any, str]] = {}
        self.messages: dict[str, Messages] = {}
        self.metadata: dict[str, Any] = {}
        """What was sent as metadata."""
        self.plain: dict[str, Any] = {}
        """Names without a namespace that no table has: metadata too."""
        self.rest: dict[str, Any] = {}
        self._classify(attributes)

    def _classify(self, attributes: dict[str, Any]) -> None:
        ranks: dict[str, int] = {}
        for attribute, value in attributes.items():
            if value is None or value == "":
                continue
            section, field, rank, name = _target(attribute)
            if field == "":
                getattr(self, section)[name] = value
                continue
            if section == "number":
                if value.__class__ is not int and is_unknown(value):
                    continue
            elif section == "kind":
                if isinstance(value, str) and value.strip('"').lower() in UNKNOWN_KINDS:
                    self.rest[name] = value
                    continue
            elif section == "messages":
                self.messages.setdefault(field, Messages()).add(name, value)
                continue
            if field in ranks:
                self._choose(getattr(self, section), field, (value, name), is_better=rank <= ranks[field])
                ranks[field] = min(rank, ranks[field])
            else:
                getattr(self, section)[field] = value, name
                ranks[field] = rank

    def _choose(
        self, values: dict[str, tuple[Any, str]], field: str, value: tuple[Any, str], *, is_better: bool
    ) -> None:
        """Of two values of one field."""
        winner, (lost, name) = (value, values[field]) if is_better else (values[field], value)
        values[field] = winner
        if lost != winner[0]:
            self.rest[name] = lost
