"""Which spans' tokens, cost and call of a model count in their trace: what was bought counts once.

Instrumentations report one purchase several times: agents and workflows sum up their descendants, and two of them may
watch one call. By the tree of the trace, in any order of arrival of its spans:

- the tokens of a span that is no call of a model count only where no descendant has any. A cost that we computed from
  its tokens counts only where no descendant has tokens or a cost. A cost that such a span sends is its own and counts;
- an inner call is the same as the outer call where their usage is equal (one of them may count cached tokens as input,
  the other not) and it lies within the outer one's time: the inner one counts. Calls with the same response id are the
  same too, wherever in the trace they are: the innermost counts;
- two calls that are siblings are the same where their usage is equal, one lies within the other's time, and only one
  has a response id: that one counts. Two instrumentations watch one client, and only one of them reports the id;
- of an outer call and an inner call that are the same, the cost that is better known counts: a cost that was sent
  goes before one that was computed, and that before none.

Spans of which `may_repeat` does not hold always count, as they were sent.
"""

from collections.abc import Sequence
from operator import itemgetter

from .calls import WITH_ID, is_same_call, is_sibling_duplicate, sibling_class, used
from .reports import Reports, cost_rank, has_own_cost, is_better_known, may_repeat, parent_of, reports_of
from .span import Span, Uncounted
from .span_tree import Node, ancestors, tree
from .usage_sums import exclude_sums, sum_of


def count_usage(spans: Sequence[Span], *, keeps_tree: bool = True) -> list[Node] | None:
    """Set `uncounted` of each span: what of it does not count. These are all spans of a trace.

    Returns their tree, parents first: empty where no span may repeat another, and `None` where none was needed and
    `keeps_tree` is false.
    """
    repeats = [may_repeat(span) for span in spans]
    for span in spans:
        span.uncounted = 0
    if True not in repeats:
        return []
    reports = [reports_of(span) for span in spans]
    if not keeps_tree and (len(spans) - reports.count(0) < _TWO or exclude_sums(spans, reports)):
        return None
    nodes = tree(map(Node, spans, reports, repeats))
    for node in reversed(nodes):
        if node.reports_below:
            _exclude_sum(node)
        if node.parent is not None:
            node.parent.reports_below |= node.reports | node.reports_below
    calls = [node for node in nodes if node.reports & Reports.CALL]
    if len(calls) > 1:
        if any(node.reports_below & Reports.CALL for node in calls):
            _exclude_outer_calls(nodes)
        _exclude_sibling_duplicates(calls)
    _exclude_shared_ids(nodes)
    if any(node.is_outer for node in calls):
        _count_costs(nodes)
    return nodes


_TWO = 2
"""The usage that one span alone reports counts."""


def _exclude_sum(node: Node) -> None:
    if node.repeats and not node.reports & Reports.CALL:
        node.span.uncounted |= sum_of(node.reports, node.reports_below)
        node.is_sum = bool(node.span.uncounted & Uncounted.TOKENS)


def _exclude_outer_calls(nodes: list[Node]) -> None:
    """A call is compared with its nearest ancestor whose usage may be equal."""
    nearest: _Nearest = {}
    pending: list[tuple[Node, _Nearest | None]] = [(node, None) for node in reversed(nodes) if node.parent is None]
    entered = 0
    while pending:
        node, before = pending.pop()
        if before is not None:
            nearest |= before
            continue
        if node.reports & Reports.CALL:
            readings = used(node.span).readings
            _, outer = max((nearest.get(reading, _NO_ANCESTOR) for reading in readings), key=itemgetter(0))
            if outer is not None and outer.repeats and is_same_call(outer.span, node.span):
                exclude_repeated(outer.span)
                outer.is_outer = True
                outer.inner_ids.add(node.span.response_id)
            if node.children:
                pending.append((node, {reading: nearest.get(reading, _NO_ANCESTOR) for reading in readings}))
                entered += 1
                nearest |= dict.fromkeys(readings, (entered, node))
        pending += [(child, None) for child in node.children]


_Nearest = dict[tuple[int, int], tuple[int, Node | None]]
"""By reading the nearest ancestor that is a call, with a number that is larger the nearer it is."""
_NO_ANCESTOR: tuple[int, Node | None] = (0, None)


def _exclude_sibling_duplicates(calls: list[Node]) -> None:
    """A call without a response id is compared with its siblings that have one."""
    if len({not node.span.response_id for node in calls if node.reports & Reports.TOKENS}) < _TWO:
        return
    siblings: dict[tuple[str, str, int], tuple[list[Node], list[Node]]] = {}
    for node in calls:
        own_class, parent_id = sibling_class(node.span), parent_of(node.span)
        if own_class is not None and parent_id is not None:
            key = parent_id, own_class[0], node.span.completion_tokens or 0
            siblings.setdefault(key, ([], []))[own_class[1] == WITH_ID].append(node)
    for without_id, with_id in siblings.values():
        for node in without_id:
            if not node.is_outer and any(is_sibling_duplicate(node.span, other.span) for other in with_id):
                exclude_repeated(node.span)
                _exclude_cost(node)


def exclude_repeated(span: Span) -> None:
    """Do not count its tokens and its call: another span reports the same call."""
    span.uncounted |= Uncounted.CALL if span.is_llm_call else 0
    span.uncounted |= Uncounted.TOKENS if reports_of(span) & Reports.TOKENS else 0


def _exclude_shared_ids(nodes: list[Node]) -> None:
    """Of the spans with one response id one counts, or none where an inner call without an id reports it."""
    by_id: dict[str, list[Node]] = {}
    for node in nodes:
        if node.span.response_id and node.repeats and node.reports and not (node.is_sum or node.is_outer):
            by_id.setdefault(node.span.response_id, []).append(node)
    if not by_id:
        return
    reported_inside = {n.span.response_id for n in nodes if n.inner_ids and n.span.response_id not in n.inner_ids}
    for response_id, shared in by_id.items():
        if response_id in reported_inside:
            counted = None
        elif len(shared) > 1:
            counted = _innermost(shared)
        else:
            continue
        outer = set() if counted is None else {id(node) for node in ancestors(counted)}
        for node in shared:
            node.is_compared = True
            if node is not counted:
                exclude_repeated(node.span)
                if id(node) in outer and node.reports & Reports.CALL:
                    node.is_outer = True
                else:
                    _exclude_cost(node)


def _innermost(shared: list[Node]) -> Node:
    """Of the spans with usage, if any has it, one that is no ancestor of another: calls and sent costs go first."""
    with_usage = [node for node in shared if node.reports & Reports.TOKENS] or shared
    outer: set[int] = set()
    for node in with_usage:
        for ancestor in ancestors(node):
            if id(ancestor) in outer:
                break
            outer.add(id(ancestor))
    inner = [node for node in with_usage if id(node) not in outer]
    return min(inner, key=lambda n: (not n.reports & Reports.CALL, -cost_rank(n.span), *_shortest(n.span)))


def _shortest(span: Span) -> tuple[int, int, str]:
    """The order in which a span within the time of another comes first."""
    start_us = span.start_us or 0
    return (span.end_us or 0) - start_us, start_us, span.span_id


def _count_costs(nodes: list[Node]) -> None:
    """Of a call and the inner calls that are the same, the cost that is better known counts."""
    counted: set[int] = set()
    for node in nodes:
        is_below = node.parent is not None and id(node.parent) in counted
        if is_below:
            counted.add(id(node))
        if not node.repeats or has_own_cost(node.span):
            continue
        if is_below:
            _exclude_cost(node)
        elif node.is_outer:
            if is_better_known(node.span, node.reports_below):
                counted.add(id(node))
            else:
                _exclude_cost(node)


def _exclude_cost(node: Node) -> None:
    if node.reports & (Reports.TOKENS | Reports.COST) and not has_own_cost(node.span):
        node.span.uncounted |= Uncounted.COST
