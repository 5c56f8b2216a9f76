"""Metrics of several processes as one, and labels that nobody outside can multiply."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from spanstats import metrics

WORKER = """
from spanstats import metrics
metrics.ingested("otlp", 3)
metrics.QUEUE_SPANS.set(5)
print(metrics.exposition().decode())
"""


def test_a_dead_worker_keeps_its_counts_and_loses_its_queue(tmp_path: Path) -> None:
    environment = os.environ | {metrics.DIRECTORY: str(tmp_path)}
    shown = [
        subprocess.run([sys.executable, "-c", WORKER], env=environment, capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    text = shown[1].stdout
    assert re.findall(r'^spanstats_spans_ingested_total\{dialect="otlp"\} (\S+)$', text, re.MULTILINE) == ["6.0"]
    assert re.findall(r"^spanstats_queue_spans (\S+)$", text, re.MULTILINE) == ["5.0"]
    metrics.forget_dead_workers(tmp_path)
    left = {file.name.split("_")[0] for file in tmp_path.iterdir()}
    assert left == {"counter", "histogram", "gauge"}
    assert not list(tmp_path.glob("gauge_live*"))


def test_codes_of_refusals_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_by_code", {})
    monkeypatch.setattr(metrics, "_MAX_CODES", 2)
    for kind in ("a_kind", "b_kind", "c_kind", "d_kind"):
        metrics.rejected(kind)
    assert set(metrics._by_code) == {"a_kind", "b_kind", "other"}
    text = metrics.exposition([("spanstats_sampled", "Looked up.", {}, 7)]).decode()
    assert "c_kind" not in text
    assert 'spanstats_rejected_total{kind="other"} 2.0' in text
    assert "spanstats_sampled 7.0" in text
