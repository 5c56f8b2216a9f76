"""Which tests run again on another version of PostgreSQL."""

import re

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
