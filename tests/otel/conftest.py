import os
from collections.abc import Iterator

import pytest

from tests.api.conftest import make_client

from .collector import Collector, collecting

__all__ = ["make_client"]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans are sent at once, and nothing of the developer's own environment counts."""
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running
