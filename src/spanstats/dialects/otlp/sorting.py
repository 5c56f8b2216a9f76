"""The attributes of a span, sorted by what they are."""

from typing import Any

from ..names.kinds import UNKNOWN_KINDS
from ..numbers import is_unknown
from .attributes import MESSAGE_PREFIXES, METADATA_NAMESPACES, METADATA_PREFIXES, PLACES, PLAIN_ATTRIBUTES
from .messages import Messages

_OLD_PREFIX, _PREFIX = "keywordsai.", "respan."


class Sorted:
    """Values by field, each with the name that it came under; `metadata` and `rest` by their own names.

    Of several names of one field the one of the lowest rank wins, whatever their order. A loser with another value is
    kept under its own name in `rest`. A number that is not known, and a kind that says nothing, lose to any other.
    """

    __slots__ = (
        "_ranks",
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
        self._ranks: dict[str, int] = {}
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
        for name, value in attributes.items():
            if value is None or value == "":
                continue
            if name.startswith(_OLD_PREFIX):
                name = _PREFIX + name[len(_OLD_PREFIX) :]
            place = PLACES.get(name)
            if place is not None:
                self._place(name, value, *place)
            elif "." in name:
                self._add_of_namespace(name, value)
            elif name in PLAIN_ATTRIBUTES:
                self.rest[name] = value
            else:
                self.plain[name] = value

    def _place(self, name: str, value: Any, section: str, field: str, rank: int) -> None:
        if section == "number" and is_unknown(value):
            return
        if section == "kind" and isinstance(value, str) and value.strip('"').lower() in UNKNOWN_KINDS:
            self.rest[name] = value
            return
        values: dict[str, tuple[Any, str]] = getattr(self, section)
        known = values.get(field)
        if known is None or rank <= self._ranks[field]:
            values[field] = value, name
            self._ranks[field] = rank
            value, name = known or (value, name)
        if value != values[field][0]:
            self.rest[name] = value

    def _add_of_namespace(self, name: str, value: Any) -> None:
        if name.startswith(METADATA_PREFIXES):
            prefix = next(p for p in METADATA_PREFIXES if name.startswith(p))
            self.metadata[name[len(prefix) :]] = value
        elif name.startswith(METADATA_NAMESPACES):
            self.metadata[name] = value
        elif (prefix := name[: name.find(".", len("gen_ai.")) + 1]) in MESSAGE_PREFIXES:
            self.messages.setdefault(MESSAGE_PREFIXES[prefix], Messages()).add(name[len(prefix) :], value)
        else:
            self.rest[name] = value
