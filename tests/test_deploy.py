"""What operators are given to watch the service with names metrics that the service has."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from spanstats.store import cluster
from tests.api.conftest import MakeClient, make_client
from tests.documentation import ROOT

__all__ = ["make_client"]

pytestmark = pytest.mark.anyio
DEPLOY = ROOT / "deploy"
# A metric, its matchers and its range, as PromQL writes them.
SELECTOR = re.compile(r"\b(spanstats_[a-z_]+|up)\b(?:\{([^}]*)\})?(\[[^\]]+\])?")
MATCHER = re.compile(r'(\w+)(?:=~|!~|!=|=)"[^"]*"')
OF_SCRAPING = {"job", "instance"}
Served = dict[str, tuple[str, set[str]]]


def expressions(path: Path) -> list[str]:
    return [expression for expression, _ in drawn(path)]


def drawn(path: Path) -> list[tuple[str, str]]:
    """Expressions with the text that names their series."""
    if path.suffix == ".json":
        targets = [target for panel in json.loads(path.read_text())["panels"] for target in panel["targets"]]
        return [(target["expr"], target.get("legendFormat", "")) for target in targets]
    return [(rule["expr"], "") for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


async def exposed(client: httpx.AsyncClient) -> Served:
    """The type and the labels of every sample that is served once something of everything happened."""
    logs = "/api/parea/v1/trace_log"
    await client.post(logs, json={"trace_id": "t"})
    await client.post(logs, json={"trace_id": []})
    text = (await client.get("/metrics")).text
    by_name = {"up": ("gauge", set[str]())}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            by_name.setdefault(sample.name, (family.type, set()))[1].update(sample.labels)
    return by_name


@pytest.mark.parametrize("name", ["alerts.yml", "grafana-dashboard.json"])
async def test_every_expression_fits_the_metrics_that_are_served(make_client: MakeClient, name: str) -> None:
    served = await exposed(await make_client())
    used = set()
    for expression, legend in drawn(DEPLOY / name):
        assert not faults(expression, legend, served), expression
        used |= {match[0] for match in SELECTOR.findall(expression)}
    assert len(used) >= 8


def faults(expression: str, legend: str, served: Served) -> list[str]:
    """What is wrong with the names, types, ranges and labels of an expression."""
    selectors = SELECTOR.findall(expression)
    if not selectors or any(expression.count(a) != expression.count(b) for a, b in ("()", "[]", "{}")):
        return ["does not parse"]
    unknown = [f"{name} is not served" for name, _, _ in selectors if name not in served]
    return unknown or [
        *faults_of_selectors(expression, selectors, served),
        *faults_of_groups(expression, legend, served),
    ]


def faults_of_selectors(expression: str, selectors: list[tuple[str, str, str]], served: Served) -> Iterator[str]:
    for name, matchers, span in selectors:
        kind, labels = served[name]
        grows = kind in ("counter", "histogram")
        if grows != bool(span) or grows != bool(re.search(rf"\b(rate|increase)\({name}\b", expression)):
            yield f"{name} is a {kind}: a rate is taken of what grows, and of that alone"
        if wrong := set(MATCHER.findall(matchers)) - labels - OF_SCRAPING:
            yield f"{name} has no {wrong}"


def faults_of_groups(expression: str, legend: str, served: Served) -> Iterator[str]:
    groups = [set(re.findall(r"\w+", group)) for group in re.findall(r"\bby ?\(([^)]*)\)", expression)]
    for name in {name for name, _, _ in SELECTOR.findall(expression)}:
        if any(group - served[name][1] for group in groups):
            yield f"{name} has not all of {groups}"
        if "histogram_quantile(" in expression and not (name.endswith("_bucket") and all("le" in g for g in groups)):
            yield "a quantile needs buckets, by le"
    if wrong := set(re.findall(r"\{\{(\w+)\}\}", legend)) - set().union(*groups):
        yield f"no series has {wrong}"


async def test_an_expression_that_would_show_nothing_is_found(make_client: MakeClient) -> None:
    served = await exposed(await make_client())
    for expression, legend in (
        ("spanstats_queue_span", ""),
        ("sum(rate(spanstats_http_requests_total[5m])", ""),
        ("rate(spanstats_queue_spans[5m])", ""),
        ("spanstats_http_requests_total", ""),
        ('rate(spanstats_http_requests_total{code="500"}[5m])', ""),
        ("sum by (tenant) (rate(spanstats_http_requests_total[5m]))", ""),
        ("sum by (route) (rate(spanstats_http_requests_total[5m]))", "{{status}}"),
        ("rate(spanstats_commit_duration_seconds[5m])", ""),
        ("histogram_quantile(0.9, sum by (le) (rate(spanstats_commit_duration_seconds_sum[5m])))", ""),
        ("histogram_quantile(0.9, sum by (route) (rate(spanstats_http_request_duration_seconds_bucket[5m])))", ""),
    ):
        assert faults(expression, legend, served), expression


def test_every_alert_says_what_is_wrong_and_how_bad() -> None:
    [group] = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]:
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["expr"].count("(") == rule["expr"].count(")")


def test_the_panels_of_the_dashboard_have_places_of_their_own() -> None:
    panels = json.loads((DEPLOY / "grafana-dashboard.json").read_text())["panels"]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places)
    assert all(panel["title"] and panel["targets"] for panel in panels)


def test_only_the_port_of_the_service_is_published_and_nothing_has_privileges() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    services = compose["services"]
    assert [name for name, service in services.items() if "ports" in service] == ["spanstats"]
    assert all(port.startswith("127.0.0.1:") for port in services["spanstats"]["ports"])
    assert compose["networks"]["inside"]["internal"]
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"], name
        assert not service.get("privileged"), name
    assert services["spanstats"]["read_only"]
    assert services["migrate"]["read_only"]


def test_the_image_is_not_root_and_keeps_its_data_in_a_volume() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    last = lines[max(i for i, line in enumerate(lines) if line.startswith("FROM ")) :]
    [user] = [line.split()[1] for line in last if line.startswith("USER ")]
    assert int(user) > 0
    assert "VOLUME /var/lib/spanstats" in last
    assert "STOPSIGNAL SIGTERM" in last
    assert any(line.startswith("HEALTHCHECK") for line in last)


def test_the_image_is_built_once_and_never_pulled() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    policies = {name: service["pull_policy"] for name, service in services.items() if service["image"] == "spanstats"}
    # Two builds of one name at the same time fail, depending on how images are stored.
    assert [name for name, service in services.items() if "build" in service] == ["spanstats"]
    assert policies == {"spanstats": "build", "migrate": "never"}


def test_what_the_image_leaves_out_is_there_and_none_of_it_is_used() -> None:
    """A newer package may be laid out otherwise: then the build would fail, or leave nothing out."""
    [left_out] = re.findall(r"&& rm -r (.*)", (ROOT / "Dockerfile").read_text())
    package = cluster.INSTALLATION.parent
    gone = [path for pattern in left_out.split() for path in package.glob(pattern)]
    assert len(gone) >= len(left_out.split())
    used = [cluster.BINARIES, cluster.INSTALLATION / "share", cluster.INSTALLATION / "lib"]
    assert [path for path in used if any(path.is_relative_to(other) for other in gone)] == []


def test_the_database_of_the_compose_file_logs_as_little_of_clients_as_the_embedded_one() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    options = dict(option.removeprefix("-c").split("=") for option in services["database"]["command"][1:])
    assert cluster.DISCREET.items() <= options.items()
