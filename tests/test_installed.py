"""Which tests run again on another version of PostgreSQL."""

import re
from dataclasses import dataclass
from typing import cast

import pytest

from . import installed
from .documentation import ROOT

SOURCE = ROOT / "src/spanstats"
STATEMENTS = re.compile(r"^from sqlalchemy import|\bdriver\.(fetch|execute)|\.exec_driver_sql\(", re.MULTILINE)


def test_every_package_that_makes_statements_is_tested_on_both() -> None:
    making = {
        path.relative_to(SOURCE).parts[0] for path in SOURCE.glob("*/**/*.py") if STATEMENTS.search(path.read_text())
    }
    assert making == set(installed.PACKAGES)


def test_what_is_run_again_is_there() -> None:
    chosen = [f"tests/{package}" for package in installed.PACKAGES] + [*installed.THROUGHOUT]
    assert [path for path in chosen if not (ROOT / path).exists()] == []


@dataclass
class Case:
    nodeid: str
    marked: str | None = None

    def get_closest_marker(self, name: str) -> str | None:
        return name if name == self.marked else None


def test_of_each_test_the_first_case_runs_again_or_every_case_where_it_says_so() -> None:
    cases = [
        *(Case("a.py::one"), Case("a.py::two[x]"), Case("a.py::two[y]"), Case("b.py::two[x]"), Case("b.py::two[[]")),
        *(Case(f"b.py::three[{name}]", "every_case") for name in "xyz"),
    ]
    ids = {item.nodeid for item in installed.without_further_cases(cast(list[pytest.Item], cases))}
    assert {case.nodeid for case in cases} - ids == {"a.py::two[y]", "b.py::two[[]"}
