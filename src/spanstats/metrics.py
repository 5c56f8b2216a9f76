"""What the service counts of itself, for Prometheus.

With several workers each writes its numbers into files of the directory that PROMETHEUS_MULTIPROC_DIR names, and every
worker answers with the sums; `serve` makes that directory before it starts them. Labels come from closed sets: route
templates, dialects, codes of refusals. Nothing that a client sends becomes a label.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import psutil
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
MEDIA_TYPE = CONTENT_TYPE_LATEST

# They double the number of series and show what a restart shows as well.
disable_created_metrics()  # type: ignore[no-untyped-call]

_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SPANS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000)
_MAX_CODES = 100

REQUESTS = Counter("spanstats_http_requests", "Requests answered.", ("method", "route", "status"))
REQUEST_SECONDS = Histogram(
    "spanstats_http_request_duration_seconds", "From a request's head to the end of its answer.", ("method", "route"),
    buckets=_SECONDS,
)  # fmt: skip
_INGESTED = Counter("spanstats_spans_ingested", "Spans committed, repeats too, by dialect.", ("dialect",))
_REJECTED = Counter("spanstats_rejected", "Requests and spans refused, by the kind of error.", ("kind",))

QUEUE_SPANS = Gauge("spanstats_queue_spans", "Spans that wait to be committed.", multiprocess_mode="livesum")
QUEUE_BYTES = Gauge("spanstats_queue_bytes", "Bytes of requests that wait.", multiprocess_mode="livesum")
COMMIT_REQUESTS = Histogram("spanstats_commit_requests", "Requests that share one commit.", buckets=_SPANS)
COMMIT_SPANS = Histogram("spanstats_commit_spans", "Spans and overrides in one commit.", buckets=_SPANS)
COMMIT_SECONDS = Histogram(
    "spanstats_commit_duration_seconds", "One write transaction, with its repeats.", buckets=_SECONDS
)
COMMIT_FAILURES = Counter("spanstats_commit_failures", "Write transactions that failed after their repeats.")

MOVED = Counter("spanstats_moved_traces", "Traces that a span moved from one experiment to another.")

POOL_IN_USE = Gauge("spanstats_pool_in_use", "Database connections in use.", multiprocess_mode="livesum")
POOL_SIZE = Gauge("spanstats_pool_size", "Database connections that there may be.", multiprocess_mode="livesum")

_READS = Counter("spanstats_reads", "Reads that could go to a standby, by where they went.", ("server",))
READS_OF_STANDBYS, READS_OF_PRIMARY = _READS.labels("standby"), _READS.labels("primary")
STANDBY_UP = Gauge(
    "spanstats_standby_up", "Whether reads go to the standby; numbered as in SPANSTATS_READ_URLS.", ("standby",),
    multiprocess_mode="livemin",
)  # fmt: skip
STANDBY_LAG = Gauge(
    "spanstats_standby_lag_bytes", "WAL that the standby had not replayed at the last read or check.", ("standby",),
    multiprocess_mode="livemax",
)  # fmt: skip

CAUGHT_UP = Gauge(
    "spanstats_rollup_caught_up_timestamp_seconds", "When no rollup was left to refresh.", multiprocess_mode="max"
)
PACKED = Counter("spanstats_packed_traces", "Old traces that were packed.")
PRUNED = Counter("spanstats_pruned_traces", "Traces that the service erased because of their age.")


# There from the start, at zero.
_BY_DIALECT = {dialect: _INGESTED.labels(dialect) for dialect in ("parea", "respan", "otlp")}


def ingested(dialect: str, spans: int) -> None:
    """Count spans of this dialect once they are committed."""
    _BY_DIALECT[dialect].inc(spans)


_by_code: dict[str, Counter] = {}


def rejected(code: str, count: int = 1) -> None:
    """Something was refused for a reason with this code; after a hundred codes the rest are one."""
    if code not in _by_code and len(_by_code) >= _MAX_CODES:
        code = "other"
    if code not in _by_code:
        _by_code[code] = _REJECTED.labels(code)
    _by_code[code].inc(count)


Sample: TypeAlias = tuple[str, str, Mapping[str, str], float]
"""A gauge that was looked up for one answer: name, what it is, labels, value."""


class Sampled:
    """Such gauges, as a collector."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._found = tuple(samples)

    def collect(self) -> Iterator[Metric]:
        """The samples as Prometheus's client wants them."""
        families: dict[str, GaugeMetricFamily] = {}
        for name, help_text, labels, value in self._found:
            family = families.setdefault(name, GaugeMetricFamily(name, help_text, labels=list(labels)))
            family.add_metric(list(labels.values()), value)
        yield from families.values()


def exposition(sampled: Iterable[Sample] = ()) -> bytes:
    """All metrics in Prometheus' text format, and these gauges. Reads files where there are several workers."""
    registry = CollectorRegistry()
    registry.register(Sampled(sampled))
    directory = os.environ.get(DIRECTORY)
    if directory is None:
        return generate_latest(REGISTRY) + generate_latest(registry)
    forget_dead_workers(Path(directory))
    MultiProcessCollector(registry, directory)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def forget_dead_workers(directory: Path) -> None:
    """A worker that is gone has no queue and no connections; what it counted stays."""
    for file in directory.glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        if not psutil.pid_exists(pid):
            mark_process_dead(pid, str(directory))  # type: ignore[no-untyped-call]
