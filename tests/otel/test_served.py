"""Tracing of real services: the last spans, collectors that do not answer, its own spans, wrong settings, and none."""

import re
import subprocess
import sys
import time

import httpx
import pytest

from tests.services import NO_TLS, Service, Start, environment, free_port, run, start

from .collector import Collector, attributes, silent

__all__ = ["environment", "start"]

KEY = "my-own-key"
ANYWHERE = {"SPANSTATS_PORT": "0"}
STATS = "/api/parea/v1/experiment/e/stats"
FOR_EVER_S = "3600"
"""For an export: neither a request nor the end of a service that waits for one comes within the patience of a test."""
LOG = {"trace_id": "t", "root_trace_id": "t", "experiment_uuid": "e", "trace_name": "n"}


def post(service: Service, trace: str) -> httpx.Response:
    url = f"http://127.0.0.1:{service.port}/api/parea/v1/trace_log"
    body = {**LOG, "trace_id": trace, "root_trace_id": trace}
    return httpx.post(url, json=body, headers={"x-api-key": KEY}, timeout=30, verify=NO_TLS)


def ingested(service: Service) -> float:
    text = httpx.get(f"http://127.0.0.1:{service.port}/metrics").text
    [value] = re.findall(r'^spanstats_spans_ingested_total\{dialect="otlp"\} (\S+)$', text, re.MULTILINE)
    return float(value)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_last_spans_are_sent_before_the_end_under_the_names_of_the_environment(
    start: Start, database_url: str, collector: Collector, workers: str
) -> None:
    service = start(
        SPANSTATS_DATABASE_URL=database_url,
        SPANSTATS_API_KEY=KEY,
        SPANSTATS_WORKERS=workers,
        SPANSTATS_TRACING_ENDPOINT=collector.address,
        OTEL_BSP_SCHEDULE_DELAY="600000",
        OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20sesame",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test",
        OTEL_SERVICE_NAME="ours",
    )
    service.wait_for("/readyz", 200)
    assert [post(service, f"t{n}").status_code for n in range(5)] == [200] * 5
    assert collector.bodies == []
    assert service.stop() == 0
    assert len(collector.named("POST /api/parea/v1/trace_log")) == 5
    assert len(collector.named("ingest commit")) == 5
    assert set(collector.paths) == {"/v1/traces"}
    assert {headers["authorization"] for headers in collector.headers} == {"Bearer sesame"}
    resources = [attributes(spans.resource) for request in collector.requests for spans in request.resource_spans]
    for resource in resources:
        assert (resource["service.name"], resource["deployment.environment.name"]) == ("ours", "test")
        assert resource["service.version"]
    assert "sesame" not in service.out + service.err


@pytest.mark.parametrize("listens", [True, False])
def test_a_collector_that_is_away_costs_no_request_and_ends_no_later_than_promised(
    start: Start, database_url: str, listens: bool
) -> None:
    with silent() as deaf:
        service = start(
            SPANSTATS_DATABASE_URL=database_url,
            SPANSTATS_API_KEY=KEY,
            SPANSTATS_TRACING_ENDPOINT=deaf if listens else f"http://127.0.0.1:{free_port()}",
            OTEL_EXPORTER_OTLP_TIMEOUT=FOR_EVER_S,
            OTEL_BSP_MAX_QUEUE_SIZE="8",
            OTEL_BSP_MAX_EXPORT_BATCH_SIZE="4",
        )
        service.wait_for("/readyz", 200)
        post(service, "first")
        assert [post(service, f"t{number}").status_code for number in range(40)] == [200] * 40
        assert service.stop() == 0
    # Told, but not once for each of the 120 spans and the attempts to send them.
    lines = [line for line in service.err.splitlines() if "spans" in line.lower() or "Span" in line]
    assert 1 <= len(lines) <= 3
    assert "Traceback" not in service.err


def test_a_service_that_is_its_own_collector_does_not_trace_what_it_sends_itself(
    start: Start, database_url: str
) -> None:
    port = free_port()
    service = start(
        port,
        SPANSTATS_DATABASE_URL=database_url,
        SPANSTATS_API_KEY=KEY,
        SPANSTATS_TRACING_ENDPOINT=f"http://127.0.0.1:{port}/v1/traces",
        OTEL_EXPORTER_OTLP_HEADERS=f"x-api-key={KEY}",
        OTEL_EXPORTER_OTLP_TIMEOUT=FOR_EVER_S,
    )
    service.wait_for("/readyz", 200)
    assert post(service, "t1").status_code == 200
    deadline = time.monotonic() + 60
    while ingested(service) < 3:
        assert time.monotonic() < deadline, service.err
        time.sleep(0.05)
    # Fifty times as long as spans wait to be sent.
    time.sleep(1)
    assert ingested(service) == 3
    assert post(service, "t2").status_code == 200
    assert service.stop() == 0


def tell(environment: dict[str, str], program: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


WITHOUT = """
import os, sys
import spanstats.serve
from spanstats.cli import main
sys.argv = ["spanstats", "serve"]
for missing in {missing!r}:
    if os.fork() == 0:
        sys.modules[missing] = None
        main()
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 1, missing
"""


def test_without_the_extra_the_start_says_what_to_install(environment: dict[str, str]) -> None:
    missing = ["opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http", "requests"]
    done = tell(
        environment, WITHOUT.format(missing=missing), SPANSTATS_TRACING_ENDPOINT="http://127.0.0.1:4318", **ANYWHERE
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == len(missing)
    for line in lines:
        assert line.startswith("spanstats: SPANSTATS_TRACING_ENDPOINT needs the extra spanstats[tracing]: ")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"SPANSTATS_TRACING_ENDPOINT": "collector:4318"}, ["SPANSTATS_TRACING_ENDPOINT", "http://collector:4318"]),
        (
            {"SPANSTATS_TRACING_ENDPOINT": "http://127.0.0.1:4318", "OTEL_BSP_MAX_QUEUE_SIZE": "0"},
            ["OTEL_", "max_queue_size"],
        ),
        (
            {
                "SPANSTATS_TRACING_ENDPOINT": "http://127.0.0.1:4318",
                "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER": "none_such",
            },
            ["OTEL_", "none_such"],
        ),
    ],
)
def test_a_wrong_setting_ends_the_start_in_one_line(
    environment: dict[str, str], variables: dict[str, str], words: list[str]
) -> None:
    done = run(environment | variables | ANYWHERE, "serve")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("spanstats: ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert all(word in done.stderr for word in words)


OFF = """
import asyncio, sys
import httpx
from asgi_lifespan import LifespanManager
from spanstats.main import create_app
import spanstats.serve

async def main():
    async with LifespanManager(create_app()) as running:
        transport = httpx.ASGITransport(running.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            assert (await client.get("/readyz")).status_code == 200

asyncio.run(main())
print(*(name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter", "requests"))))
"""


def test_where_it_is_not_asked_for_nothing_is_imported_and_nothing_is_sent(
    environment: dict[str, str], database_url: str, collector: Collector
) -> None:
    """Also where the environment would have a library do it by itself."""
    done = tell(
        environment,
        OFF,
        SPANSTATS_DATABASE_URL=database_url,
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.address,
        FASTAPI_OTEL_AUTO_CONFIGURE="true",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
    assert collector.bodies == []
