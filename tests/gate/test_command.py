"""`spanstats compare` against a served store, and the workflow of the documentation as far as it goes here."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from typer.testing import CliRunner, Result

from spanstats.cli import app
from tests.conftest import fresh_database
from tests.forks import command_in
from tests.services import environment_in, starting

KEY = "a-key-for-the-gate"
SPANSTATS = Path(sys.executable).with_name("spanstats")
RUNS = (
    ("main", 40, 0, 0),
    ("slow", 40, 1, 0),
    ("good", 40, 0, 1),
    ("run-a", 3, 0, 0),
    ("run-b", 3, 0, 1),
    ("pr-42", 3, 0, 1),
)
COMPARISON = Path(__file__).parents[2] / "docs/comparison.md"
WORKFLOW = Path(__file__).parents[2] / "docs/examples/github-actions-compare.yml"


def span(experiment: str, item: int, latency: float, score: float) -> dict[str, Any]:
    start = "2026-01-01T00:00:00"
    return {
        "trace_id": f"{experiment}-{item}",
        "root_trace_id": f"{experiment}-{item}",
        "trace_name": "question",
        "experiment_uuid": experiment,
        "inputs": {"n": str(item)},
        "start_timestamp": start,
        "latency": latency,
        "scores": [{"name": "exact", "score": score}],
    }


@pytest.fixture(scope="module")
def url(server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service that holds `RUNS`; the tests only read them."""
    directory = tmp_path_factory.mktemp("gate")
    with fresh_database(server_url, template) as database_url, starting(directory, environment_in(directory)) as start:
        service = start(SPANSTATS_DATABASE_URL=database_url, SPANSTATS_API_KEY=KEY)
        service.wait_for("/readyz", 200)
        address = f"http://127.0.0.1:{service.port}"
        with httpx.Client(base_url=address, headers={"x-api-key": KEY}) as client:
            for experiment, items, slower, better in RUNS:
                for i in range(items):
                    body = span(experiment, i, 1 + (i % 5) / 10 + slower * (1 + i % 3), float(i % 2 or better))
                    assert client.post("/api/parea/v1/trace_log", json=body).status_code == 200
        yield address


def gate(url: str, *arguments: str, **more: str) -> Result:
    """The command in this process: what a shell sees of it is tested with the documentation's own lines."""
    variables = {"SPANSTATS_URL": url, "SPANSTATS_API_KEY": KEY, **more}
    return CliRunner().invoke(app, ["compare", *arguments], env=variables)


def test_the_exit_code_says_what_was_found(url: str) -> None:
    slow = gate(url, "main", "slow")
    assert (slow.exit_code, slow.stderr) == (1, "")
    assert "slow against main: 40 items in both" in slow.stdout
    assert slow.stdout.endswith("Worse: latency.\n")
    assert gate(url, "main", "good").exit_code == 0
    assert gate(url, "main", "good", "--measure", "scores.exact").stdout.endswith("No measure is worse.\n")
    unsure = gate(url, "main", "good", "--fail-on", "inconclusive")
    assert unsure.exit_code == 2
    sure = gate(url, "main", "good", "--fail-on", "inconclusive", "--margin", "latency=5%", "--measure", "latency")
    assert sure.exit_code == 0, sure.stdout
    report = json.loads(gate(url, "main", "slow", "--format", "json").stdout)
    assert report["candidates"][0]["measures"]["latency"]["paired"]["verdict"] == "worse"
    turned = gate(url, "main", "slow", "--better", "latency=higher")
    assert turned.exit_code == 0


def test_no_answer_has_a_code_of_its_own(url: str) -> None:
    gone = gate(url, "main", "gone")
    assert (gone.exit_code, gone.stdout) == (3, "")
    assert gone.stderr == "spanstats: the server answered 404: candidates.0: experiment gone not found\n"
    assert gate(url, "main", "slow", "--margin", "colour=1").exit_code == 3
    assert gate(url, "main", "slow", "--margin", "cost").exit_code == 3
    assert gate(url, "main", "slow", SPANSTATS_API_KEY="wrong").exit_code == 3
    assert gate(url, "main").exit_code == 3
    assert gate(url, "main", "slow", "--colour").exit_code == 3
    assert gate("http://127.0.0.1:9", "main", "slow").exit_code == 3
    assert gate("ftp://127.0.0.1", "main", "slow").exit_code == 3


def test_what_the_documentation_shows_can_be_typed(url: str) -> None:
    curl, gated = re.findall(r"^```sh\n(.*?)^```$", COMPARISON.read_text(), re.MULTILINE | re.DOTALL)
    variables = {"SPANSTATS_URL": url, "SPANSTATS_API_KEY": KEY, "PATH": f"{SPANSTATS.parent}:{os.environ['PATH']}"}
    shell: dict[str, Any] = {"env": os.environ | variables, "capture_output": True, "text": True, "check": True}
    answer = json.loads(subprocess.run(["/bin/sh", "-c", curl], **shell).stdout)
    assert answer["candidates"][0]["measures"]["scores.exact"]["paired"]["margin"] == 0.01
    assert "| scores.exact |" in subprocess.run(["/bin/sh", "-c", gated], **shell).stdout


def test_the_workflow_of_the_documentation_comments_and_fails(url: str, tmp_path: Path) -> None:
    job = yaml.safe_load(WORKFLOW.read_text())["jobs"]["evaluate"]
    [step] = [step for step in job["steps"] if step.get("id") == "compare"]
    summary, output = tmp_path / "summary", tmp_path / "output"
    for candidate, code in (("slow", 1), ("good", 0), ("gone", 3)):
        output.write_text("")
        variables = {
            "SPANSTATS_URL": url,
            "SPANSTATS_API_KEY": KEY,
            "BASE": job["env"]["BASE"],
            "CANDIDATE": candidate,
            "GITHUB_STEP_SUMMARY": str(summary),
            "GITHUB_OUTPUT": str(output),
            "PATH": f"{command_in(tmp_path)}:{os.environ['PATH']}",
        }
        # As the runner calls `shell: bash`.
        done = subprocess.run(
            ["/bin/bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=tmp_path,
            env=os.environ | variables,
            check=False,
        )
        assert done.returncode == code
        assert output.read_text() == f"status={code}\n"
    assert "### slow against main" in summary.read_text()
    assert "| scores.exact | 0.5 | 1 |" in summary.read_text()
