"""Addresses of screens. Ids go into the query, where every id that is stored can be written."""

from collections.abc import Iterable, Sequence
from urllib.parse import urlencode

from .conditions import Condition, query_of

Pair = tuple[str, str]


def run_link(experiment_id: str, conditions: Sequence[Condition] = (), more: Iterable[Pair] = ()) -> str:
    """One run."""
    return _link("/ui/run", [("id", experiment_id), *query_of(conditions), *more])


def compare_link(base: str, candidates: Iterable[str], more: Iterable[Pair] = ()) -> str:
    """Runs against a base."""
    return _link("/ui/compare", [("base", base), *(("candidate", c) for c in candidates), *more])


def trace_link(experiment_id: str, trace_id: str) -> str:
    """One trace."""
    return _link("/ui/trace", [("run", experiment_id), ("id", trace_id)])


def item_link(item_key: str, experiments: Iterable[str]) -> str:
    """One item in several runs."""
    return _link("/ui/item", [("key", item_key), *(("run", e) for e in experiments)])


def neighbours(number: int) -> tuple[int, int]:
    """The numbers of the pages before and behind a page of a list."""
    return number - 1, number + 1


def _link(path: str, pairs: Iterable[Pair]) -> str:
    return f"{path}?{urlencode(list(pairs))}"
