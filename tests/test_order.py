"""Tests that wait begin at once, with all workers but one."""

from typing import NamedTuple, cast

import pytest

from .documentation import ROOT
from .order import WAITING, in_order


class Named(NamedTuple):
    nodeid: str


def ordered(names: list[str], workers: int) -> list[str]:
    return [item.nodeid for item in in_order([cast(pytest.Item, Named(name)) for name in names], workers)]


QUICK = [f"tests/domain/test_values.py::test_{n}" for n in range(20)]
WAITS = ["tests/faults/test_a.py::a", "tests/faults/test_a.py::b", "tests/test_cli.py::a", "tests/test_docs.py::a"]


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_every_test_runs_once(workers: int) -> None:
    names = [*QUICK[:9], *WAITS, *QUICK[9:]]
    assert sorted(ordered(names, workers)) == sorted(names)
    assert ordered(QUICK, workers) == QUICK


def test_a_single_worker_runs_them_as_they_stand() -> None:
    assert ordered(QUICK + WAITS, 1) == QUICK + WAITS


def test_those_that_wait_come_first_and_leave_one_worker_to_compute() -> None:
    queue = ordered(QUICK + WAITS, 3)
    shares = [queue[:8], queue[8:16], queue[16:]]
    assert shares[0][:2] == ["tests/test_docs.py::a", "tests/test_cli.py::a"]
    assert shares[1][:2] == ["tests/faults/test_a.py::a", "tests/faults/test_a.py::b"]
    assert set(shares[2]) <= set(QUICK)


def test_what_waits_is_there() -> None:
    assert [path for path in WAITING if not (ROOT / path).exists()] == []
