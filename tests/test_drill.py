"""The drill for operators: it holds where nothing was lost, and tells what was."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from .documentation import ROOT
from .forks import command_in
from .prepared import prepared
from .services import Service, Start, data, environment, start

__all__ = ["environment", "prepared", "start"]

FIRST = """
import asyncio, asyncpg, os
async def first():
    connection = await asyncpg.connect(os.environ["SPANSTATS_DATABASE_URL"])
    print(await connection.fetchval("SELECT trace_id FROM traces ORDER BY start_time LIMIT 1"))
asyncio.run(first())
"""


def drill(service: Service, *harm: str) -> subprocess.CompletedProcess[str]:
    settings = {"SPANSTATS_URL": f"http://127.0.0.1:{service.port}", "SPANSTATS_API_KEY": "k"}
    command: list[str | Path] = [sys.executable, ROOT / "deploy/drill.py", "--lanes=2", "--calm=0.3", *harm]
    return subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, timeout=180)


@pytest.mark.usefixtures("prepared")
def test_nothing_is_lost_where_the_database_is_killed_amid_the_posting(
    start: Start, environment: dict[str, str]
) -> None:
    service = start(SPANSTATS_API_KEY="k")
    service.wait_for("/readyz", 200)
    done = drill(service, f"kill -9 $(head -n 1 '{data(environment)}/postgres/postmaster.pid')")
    assert done.returncode == 0, done.stdout + done.stderr
    end, counts = done.stdout.splitlines()
    assert "exit code 0" in end
    assert ", 0 faults" in counts
    assert "'503'" in counts
    assert service.stop() == 0


@pytest.mark.one_database("the harm that it does is done at one address")
def test_a_trace_that_is_lost_is_found_missing_in_both_answers(start: Start, database_url: str, tmp_path: Path) -> None:
    service = start(SPANSTATS_API_KEY="k", SPANSTATS_DATABASE_URL=database_url)
    service.wait_for("/readyz", 200)
    url = database_url.replace("+asyncpg", "")
    first = f"{shlex.quote(sys.executable)} -c {shlex.quote(FIRST)}"
    command = shlex.quote(str(command_in(tmp_path) / "spanstats"))
    done = drill(service, f"export SPANSTATS_DATABASE_URL={shlex.quote(url)}; {command} traces delete $({first})")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "is lost" in done.stdout
    assert "the summary's total_count" in done.stdout
    assert service.stop() == 0
