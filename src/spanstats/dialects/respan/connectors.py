"""How the conditions of one level of a filter are joined."""

from typing import TypeAlias

from ...errors import Location, invalid
from ...filters.predicate import Condition, Connector, Group

Node: TypeAlias = Condition | Group


def joined(nodes: list[Node], connectors: list[Connector | None], at: Location) -> Group | None:
    """The nodes as one group, `None` of none; members that it could as well hold itself are taken in."""
    connector = _one_connector(connectors, at)
    members: list[Node] = []
    for node in nodes:
        is_same = isinstance(node, Group) and not node.is_range and node.connector == connector
        if isinstance(node, Group) and (is_same or len(node.members) == 1):
            members += node.members
        else:
            members.append(node)
    return Group(connector, tuple(members), at) if members else None


def _one_connector(connectors: list[Connector | None], at: Location) -> Connector:
    """Respan's documents differ on whether a connector looks back or ahead, so only uniform levels are read. An absent
    connector is neutral."""
    distinct = {connector for connector in connectors if connector is not None}
    if len(distinct) > 1:
        message = (
            "the conditions of one level must all be joined by AND or all by OR; put those joined otherwise into a "
            'bundle of their own: {"any_name": {"connector": "OR", "filter_params": {...}}}'
        )
        raise invalid(message, *at, code="mixed_connectors")
    return distinct.pop() if distinct else "AND"


def read_connector(value: object, at: Location) -> Connector | None:
    """The connector that is written, `None` where none is. Raises `InvalidInput`."""
    if value is None or value == "":
        return None
    word = value.strip().upper() if isinstance(value, str) else None
    if word not in ("AND", "OR"):
        raise invalid("must be AND or OR", *at, code="connector")
    return "AND" if word == "AND" else "OR"
