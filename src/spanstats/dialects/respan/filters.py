"""Respan's filter language (`filters` in the body of lists and summaries) read into a tree of conditions.

    {"filters": {"status": {"operator": "", "value": ["success"]}, "total_cost": {"operator": "gte", "value": 0.01}}}
    {"filters": {"cost": [{"operator": "gte", "value": 0.01}, {"operator": "lt", "value": 1}]}}
    {"filters": [{"field": "status", "operator": "=", "value": "completed"}], "operator": "OR"}
    {"filters": {"model": "gpt-4o", "start_time": {"gte": "2026-01-01", "lt": "2026-02-01"}}}
    {"filters": {"any_name": {"connector": "OR", "filter_params": {...}}}}

The conditions of one level are joined by one connector; a bundle (`filter_params`) is a level of its own.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...errors import Location, invalid
from ...filters.bind import DEFAULT_LIMITS, Limits
from ...filters.predicate import SCORES, Condition, Connector, Group
from .conditions import CONDITION_KEYS, field_of, read_condition, refuse_others
from .connectors import Node, joined, read_connector
from .filter_names import (
    LOG_FIELD_NAMES,
    SPAN_FIELD_NAMES,
)

__all__ = ["LOG_FIELD_NAMES", "SPAN_FIELD_NAMES", "read_filters"]

_BUNDLE_KEYS = frozenset({"connector", "filter_params"})

_ROOT: Location = ("body", "filters")


def read_filters(
    body: object, field_names: Mapping[str, str] = LOG_FIELD_NAMES, limits: Limits = DEFAULT_LIMITS
) -> Group | None:
    """The tree of a request's whole body, `None` where it filters nothing.

    Names of fields and literals are checked when the tree is bound. Raises `InvalidInput` located from `body` on.
    """
    if body is None:
        return None
    if not isinstance(body, dict):
        raise invalid("must be an object", "body", code="dict_type")
    if body.get("filter_params") is not None:
        raise invalid("belongs below filters", "body", "filter_params", code="misplaced")
    connectors = [read_connector(body.get(name), ("body", name)) for name in ("operator", "connector")]
    filters = body.get("filters")
    if filters is None or filters == {} or filters == []:
        return None
    return _Reader(field_names, limits).level(filters, connectors, _ROOT, 0)


@dataclass(slots=True)
class _Reader:
    """Reads level by level. `connectors` collects the connectors of one level, to be made one when it is complete."""

    field_names: Mapping[str, str]
    limits: Limits
    count: int = 0

    def level(self, filters: object, connectors: list[Connector | None], at: Location, depth: int) -> Group | None:
        """What one connector joins: an object or a list of conditions, or a bundle of them."""
        if depth > self.limits.depth:
            raise invalid(f"must be nested at most {self.limits.depth} deep", *_ROOT, code="too_deep")
        if isinstance(filters, dict) and "filter_params" in filters:
            connectors.append(_bundle_connector(filters, at))
            return self.level(filters["filter_params"], connectors, (*at, "filter_params"), depth + 1)
        if isinstance(filters, dict):
            nodes = [
                node for key, value in filters.items() for node in self.field(key, value, connectors, (*at, key), depth)
            ]
        elif isinstance(filters, list):
            nodes = [node for i, item in enumerate(filters) for node in self.item(item, connectors, (*at, i), depth)]
        elif filters is None:
            nodes = []
        else:
            raise invalid("must be an object or a list", *at, code="filters_type")
        return joined(nodes, connectors, at)

    def item(self, item: Any, connectors: list[Connector | None], at: Location, depth: int) -> Iterator[Node]:
        """One entry of the list form: it names its field, or is a bundle."""
        if not isinstance(item, dict):
            raise invalid("must be an object", *at, code="dict_type")
        if "filter_params" in item:
            yield from _present(self.level(item, [], at, depth))
            return
        name = item.get("field")
        if not isinstance(name, str):
            raise invalid("must name a field", *at, "field", code="missing")
        connectors.append(read_connector(item.get("connector"), (*at, "connector")))
        yield self.condition(name, {k: v for k, v in item.items() if k != "field"}, at)

    def field(
        self, name: str, value: Any, connectors: list[Connector | None], at: Location, depth: int
    ) -> Iterator[Node]:
        """One entry of the object form: the name of a field, or any name with a bundle."""
        if isinstance(value, dict) and "filter_params" in value:
            yield from _present(self.level(value, [], at, depth))
        elif isinstance(value, dict) and (not value or value.keys() & CONDITION_KEYS):
            connectors.append(read_connector(value.get("connector"), (*at, "connector")))
            yield self.condition(name, value, at)
        elif isinstance(value, dict):
            nodes: list[Node] = [
                self.condition(name, {"operator": operator, "value": operand}, (*at, operator))
                for operator, operand in value.items()
            ]
            yield from _present(self.range(name, joined(nodes, [], at), at))
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            yield from self.several(name, value, connectors, at, depth)
        else:
            yield self.condition(name, {"value": value}, at)

    def several(
        self, name: str, items: list[Any], connectors: list[Connector | None], at: Location, depth: int
    ) -> Iterator[Node]:
        """A list of conditions on one field, such as a range: a level of its own, unless it is just one."""
        inner = connectors if len(items) == 1 else []
        nodes: list[Node] = []
        for i, item in enumerate(items):
            if not isinstance(item, dict):
                raise invalid("must be a condition like the others here", *at, i, code="dict_type")
            nodes += self.field(name, item, inner, (*at, i), depth)
        yield from nodes if len(items) == 1 else _present(self.range(name, joined(nodes, inner, at), at))

    def range(self, name: str, group: Group | None, at: Location) -> Group | None:
        """Conditions on a score that all must hold, written as one: they hold for one and the same score."""
        is_range = field_of(name, self.field_names, at)[0] == SCORES and group is not None and group.connector == "AND"
        return replace(group, is_range=True) if group is not None and is_range else group

    def condition(self, name: str, written: dict[str, Any], at: Location) -> Condition:
        self.count += 1
        if self.count > self.limits.conditions:
            raise invalid(f"must have at most {self.limits.conditions} conditions", *_ROOT, code="too_long")
        return read_condition(name, written, self.field_names, at)


def _present(group: Group | None) -> Iterable[Group]:
    return () if group is None else (group,)


def _bundle_connector(bundle: dict[str, Any], at: Location) -> Connector | None:
    refuse_others(bundle, _BUNDLE_KEYS, at)
    return read_connector(bundle.get("connector"), (*at, "connector"))
