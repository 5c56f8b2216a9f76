"""Services to do harm to; after every test all logs of theirs are searched for what must never be in them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.prepared import prepared
from tests.services import environment, start

from .leaks import assert_nothing_leaked

__all__ = ["environment", "prepared", "start"]


@pytest.fixture(autouse=True)
def logs_leak_nothing(tmp_path: Path) -> Iterator[None]:
    """Whatever a test did to its services, their logs tell of it without secrets, payloads, SQL or tracebacks."""
    yield
    for log in (*tmp_path.glob("service*/err"), *tmp_path.glob("data/**/*.log")):
        assert_nothing_leaked(log.read_text(errors="replace"))
