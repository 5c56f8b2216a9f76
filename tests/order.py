"""Which test runs when, so that no processor waits.

Tests that start services wait for most of their time. They come first and with all workers but one, so that the last
one computes meanwhile; what each of the others has left is taken from it in the end.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby, islice

import pytest

WAITING = (
    *("tests/api/test_described.py", "tests/test_docs.py", "tests/faults", "tests/test_blocks.py", "tests/test_cli.py"),
    *("tests/page/test_browser.py", "tests/test_drill.py", "tests/test_stopping.py", "tests/otel/test_served.py"),
    *("tests/store/test_standbys.py", "tests/store/test_embedded.py", "tests/gate", "tests/api/test_health.py"),
)
"""What the paths of tests that wait begin with, those first that take longest."""


def in_order(items: Sequence[pytest.Item], workers: int) -> list[pytest.Item]:
    """All tests. The first share of `len(items) / workers` of them goes to one worker, and so on (`worksteal`)."""
    if workers == 1:
        return list(items)
    waiting = sorted((item for item in items if _rank(item) < len(WAITING)), key=_rank)
    hands: list[list[pytest.Item]] = [[] for _ in range(workers)]
    for number, (_, tests) in enumerate(groupby(waiting, key=lambda item: item.nodeid.partition("::")[0])):
        hands[number % (workers - 1)] += tests
    rest = iter([item for item in items if _rank(item) == len(WAITING)])
    return list(_filled(hands, rest, len(items)))


def _filled(hands: list[list[pytest.Item]], rest: Iterable[pytest.Item], count: int) -> Iterable[pytest.Item]:
    """Each hand with as many of the rest as make its share."""
    for number, hand in enumerate(hands):
        share = count // (len(hands) - number)
        count -= share
        yield from hand
        yield from islice(rest, max(share - len(hand), 0))
    yield from rest


def _rank(item: pytest.Item) -> int:
    return next((rank for rank, start in enumerate(WAITING) if item.nodeid.startswith(start)), len(WAITING))
