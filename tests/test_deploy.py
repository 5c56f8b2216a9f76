"""What operators are given to watch the service with names metrics that the service has."""

import json
import re
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.api.conftest import MakeClient, make_client
from tests.documentation import ROOT

__all__ = ["make_client"]

pytestmark = pytest.mark.anyio
DEPLOY = ROOT / "deploy"
NAME = re.compile(r"\bspanstats_[a-z_]+")


def expressions(path: Path) -> list[str]:
    if path.suffix == ".json":
        return [target["expr"] for panel in json.loads(path.read_text())["panels"] for target in panel["targets"]]
    return [rule["expr"] for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


async def exposed(client: httpx.AsyncClient) -> tuple[set[str], set[str]]:
    """The names of all samples and of all labels."""
    await client.get("/healthz")
    families = list(text_string_to_metric_families((await client.get("/metrics")).text))
    samples = {sample.name for family in families for sample in family.samples}
    # Counters with labels have no sample before their first event.
    samples |= {f"{family.name}_total" for family in families if family.type == "counter"}
    labels = {label for family in families for sample in family.samples for label in sample.labels}
    return samples, labels


@pytest.mark.parametrize("name", ["alerts.yml", "grafana-dashboard.json"])
async def test_every_metric_that_is_named_exists(make_client: MakeClient, name: str) -> None:
    samples, _ = await exposed(await make_client())
    used = {metric for expression in expressions(DEPLOY / name) for metric in NAME.findall(expression)}
    assert len(used) >= 8
    assert used <= samples


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
