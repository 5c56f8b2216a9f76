"""The documents show what is there: commands run, snippets are accepted, names and links exist."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from sqlalchemy.engine import make_url

from spanstats.dialects.parea.filters import read_filter
from spanstats.dialects.respan.filters import read_filters
from spanstats.filters.bind import bind
from spanstats.filters.root_fields import ROOTS
from spanstats.filters.trace_fields import TRACES
from spanstats.settings import PREFIX, Settings
from spanstats.store import cluster
from spanstats.store.account import account
from spanstats.store.embedded import EmbeddedServer
from tests.conftest import fresh_database, run_sql

from . import name_documentation
from .documentation import ROOT, known_commands
from .filter_documentation import FILE, document
from .forks import command_in
from .prepared import prepared
from .test_cli import Start, environment, start

__all__ = ["environment", "prepared", "start"]

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
OPERATIONS = (ROOT / "docs/operations.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def named(document: Path) -> str:
    return str(document.relative_to(ROOT))


def test_the_filters_are_those_of_the_program() -> None:
    assert FILE.read_text() == document()


def test_the_names_are_those_of_the_program() -> None:
    assert name_documentation.FILE.read_text() == name_documentation.document()


@pytest.mark.parametrize("snippet", blocks(FILE.read_text(), "json"))
def test_every_filter_that_is_shown_can_be_read(snippet: str) -> None:
    body = json.loads(snippet)
    tree = read_filter(body) if "filter_field" in body else read_filters(body)
    assert tree is not None
    bind(tree, ROOTS if "filter_field" in body else TRACES)


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if not target.startswith(("http://", "https://")):
            file, _, heading = target.partition("#")
            there = path.parent / file if file else path
            assert there.exists(), target
            if heading:
                headings = re.findall(r"^#+ (.*)$", there.read_text(), re.MULTILINE)
                assert heading in {h.lower().replace(" ", "-") for h in headings}, target


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_every_setting_and_command_that_is_named_exists(path: Path) -> None:
    text = path.read_text()
    settings = {PREFIX + name.upper() for name in Settings.model_fields}
    others = {"SPANSTATS_TEST_DATABASE_URL", "SPANSTATS_TEST_SHARDS", "SPANSTATS_URL"}
    assert set(re.findall(rf"\b{PREFIX}[A-Z_]+\b", text)) <= settings | others
    commands = known_commands()
    for words in re.findall(r"(?:`|^)spanstats ([a-z][a-z ]*[a-z])", text, re.MULTILINE):
        assert any(words == c or words.startswith(c + " ") or c.startswith(words) for c in commands), words
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z]+)", text, re.MULTILINE)) <= targets


def test_every_test_that_a_promise_names_exists() -> None:
    promises = (ROOT / "docs/reliability.md").read_text().split("\n## ")[1]
    rows = [line for line in promises.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 20
    everywhere = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    for row in rows:
        shown_by = row.split(" | ")[-1]
        paths = re.findall(r"`(?:tests/)?([\w/]+(?:\.py|/))`", shown_by)
        assert paths or "the same" in shown_by, row
        for name in paths:
            there = (ROOT / "tests" / name).exists() or ("/" not in name and name in everywhere)
            assert there, name


# Where there are standbys or shards: tests/faults/test_standbys.py and tests/api/test_shards.py see them.
OF_SEVERAL_SERVERS = {"spanstats_standby_up", "spanstats_standby_lag_bytes", "spanstats_shard_up"}


@pytest.mark.usefixtures("prepared")
def test_every_metric_that_is_documented_is_exposed_and_the_reverse(start: Start) -> None:
    service = start(SPANSTATS_WORKERS="2", SPANSTATS_API_KEY="k")
    service.wait_for("/readyz", 200)
    for _ in range(30):
        assert service.status("/healthz") == 200
    assert service.status("/api/parea/v1/experiment/e/stats", "wrong") == 401
    text = httpx.get(f"http://127.0.0.1:{service.port}/metrics").text
    # Of all workers together, whichever of them answers.
    [counted] = re.findall(r'spanstats_http_requests_total\{method="GET",route="/healthz",status="200"\} (\S+)', text)
    assert float(counted) == 30
    families = set(re.findall(r"^# TYPE (spanstats_\S+) ", text, re.MULTILINE))
    documented = set(re.findall(r"`(spanstats_[a-z_]+)`", OPERATIONS))
    assert documented == families | OF_SEVERAL_SERVERS
    assert service.stop() == 0


@pytest.mark.one_database("its commands dump and restore one database")
def test_the_commands_of_the_operations_document_work_in_their_order(
    start: Start, environment: dict[str, str], server_url: str, template: str, tmp_path: Path
) -> None:
    with fresh_database(server_url, template) as own, fresh_database(server_url) as restored:
        service = start(SPANSTATS_DATABASE_URL=own, SPANSTATS_API_KEY="k")
        service.wait_for("/readyz", 200)
        url = f"http://127.0.0.1:{service.port}"
        log = {"trace_id": "t1", "root_trace_id": "t1", "experiment_uuid": "e1", "trace_name": "n", "cost": 1}
        for trace in ("t1", "t2"):
            body = {**log, "trace_id": trace, "root_trace_id": trace}
            assert httpx.post(f"{url}/api/parea/v1/trace_log", json=body, headers={"x-api-key": "k"}).is_success
        variables = {
            "SPANSTATS_DATABASE_URL": own,
            "DATABASE": for_libpq(own),
            "RESTORED": for_libpq(restored),
            "URL": url,
            "KEY": "k",
            "EXPERIMENT": "e1",
            "TRACE": "t2",
            "PATH": f"{command_in(tmp_path)}:{Path(sys.executable).parent}:{cluster.BINARIES}:{os.environ['PATH']}",
        }
        script = "\n".join(["set -eu", *blocks(OPERATIONS, "sh")])
        done = subprocess.run(
            ["/bin/sh", "-c", script], env=environment | variables, cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        equal = "The rollups and columns equal"
        for text in ("sps_", equal, "2 traces were imported", "0 traces were erased", "t2 is erased"):
            assert text in done.stdout
        answer = httpx.get(f"{url}/api/parea/v1/experiment/e1/stats", headers={"x-api-key": "k"}).json()
        assert [trace["trace_id"] for trace in answer["parent_trace_stats"]] == ["t1"]
        assert service.stop() == 0
        assert traces_in_base(tmp_path, make_url(own).database) == ["t1", "t2"]


def traces_in_base(place: Path, database: str | None) -> list[str]:
    """What a server finds that is started on the copy in `base`."""
    copy = place / "copy"
    copy.mkdir()
    (place / "base").rename(copy / "postgres")
    give_to_the_server(copy / "postgres")
    server = EmbeddedServer(copy)
    server.start()
    try:
        url = make_url(server.url()).set(database=database).render_as_string(hide_password=False)
        return [row["trace_id"] for row in run_sql(url, "SELECT trace_id FROM traces ORDER BY trace_id")]
    finally:
        server.stop()


def give_to_the_server(data: Path) -> None:
    """As who restores a copy as root has to."""
    owner = account()
    for path in (data, *data.rglob("*")):
        os.chown(path, owner.uid, owner.gid)


@pytest.mark.usefixtures("prepared")
def test_a_cold_copy_of_the_embedded_database_is_a_backup(start: Start, environment: dict[str, str]) -> None:
    first = start(SPANSTATS_API_KEY="k")
    first.wait_for("/readyz", 200)
    log = {"trace_id": "t1", "root_trace_id": "t1", "experiment_uuid": "e1", "trace_name": "n", "cost": 1}
    path, headers = "/api/parea/v1/", {"x-api-key": "k"}
    stored = httpx.post(f"http://127.0.0.1:{first.port}{path}trace_log", json=log, headers=headers)
    assert stored.is_success
    assert first.stop() == 0
    data = Path(environment["SPANSTATS_DATA_DIR"])
    backup = data.with_name("backup")
    subprocess.run(["/bin/cp", "-a", data, backup], check=True)
    shutil.rmtree(data)
    backup.rename(data)
    second = start(SPANSTATS_API_KEY="k")
    second.wait_for("/readyz", 200)
    answer = httpx.get(f"http://127.0.0.1:{second.port}{path}experiment/e1/stats", headers=headers).json()
    assert [trace["cost"] for trace in answer["parent_trace_stats"]] == [1]
    assert second.stop() == 0


def for_libpq(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
