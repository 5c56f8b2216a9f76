"""Trees of spans, whatever their parent links say."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstats.domain.span import Span
from spanstats.reading.tree import MAX_DEPTH, Node, tree, walk


def spans(*links: tuple[str, str | None]) -> list[Span]:
    return [Span(trace_id="t", span_id=i, parent_id=p, start_us=n) for n, (i, p) in enumerate(links)]


def shape(nodes: list[Node]) -> list[object]:
    return [(n.span.span_id, shape(n.children)) if n.children else n.span.span_id for n in nodes]


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        ([("r", None), ("a", "r"), ("b", "a")], [("r", [("a", ["b"])])]),
        ([("b", "a"), ("a", "r"), ("r", "r")], [("r", [("a", ["b"])])]),
        ([("r", None), ("a", "never sent")], [("r", ["a"])]),
        ([("r", None), ("a", "r"), ("second root", None)], [("r", ["a", "second root"])]),
        ([("a", "never sent"), ("b", "a"), ("c", "other")], [("a", ["b"]), "c"]),
        ([("a", "b"), ("b", "a")], [("a", ["b"])]),
        ([("r", None), ("a", "b"), ("b", "c"), ("c", "a")], [("r", [("a", [("c", ["b"])])])]),
        ([], []),
    ],
)
def test_the_tree_of(links: list[tuple[str, str | None]], expected: list[object]) -> None:
    assert shape(tree(spans(*links))) == expected


def depth(nodes: list[Node]) -> int:
    levels, current = 0, nodes
    while current:
        levels, current = levels + 1, [c for n in current for c in n.children]
    return levels


def test_a_chain_of_twenty_thousand_is_bounded_in_depth_and_complete() -> None:
    chain = spans(("s0", None), *((f"s{n}", f"s{n - 1}") for n in range(1, 20_000)))
    random.Random(1).shuffle(chain)
    nodes = tree(chain)
    assert depth(nodes) == MAX_DEPTH
    assert sorted(s.span_id for s in walk(nodes)) == sorted(s.span_id for s in chain)


ids = st.sampled_from("abcdefgh")


@given(st.dictionaries(ids, st.none() | ids | st.just("elsewhere"), max_size=8))
def test_every_span_stands_once_below_its_parent_or_a_top(links: dict[str, str | None]) -> None:
    given_spans = spans(*links.items())
    nodes = tree(given_spans)
    assert sorted(s.span_id for s in walk(nodes)) == sorted(links)
    assert len(nodes) <= 1 or not any(s.is_root for s in given_spans)


def test_siblings_follow_the_given_order() -> None:
    tops = tree(spans(("r", None), ("a", "r"), ("b", "r")), sort=lambda s: -(s.start_us or 0))
    assert shape(tops) == [("r", ["b", "a"])]
