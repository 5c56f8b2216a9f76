"""Run the tests of SQL once more on a PostgreSQL of another version, where one is to be had.

That is the server of SPANSTATS_TEST_DATABASE_URL, else a temporary one of the oldest version found installed.

A test of SQL is one that asks for a database (`-m database`) and belongs to a package that makes statements, or to what
uses all of them at once. Routes, the page and dialects know no tables (an import contract), so what they send to
PostgreSQL is what these packages make; their own tests run on the embedded server alone. So do those that start servers
of their own, and those that are marked `one_version`: what they show does not come from PostgreSQL, and the others make
the same statements. Of a parametrized test the first case runs, as the others send like statements with other values,
unless it is marked `every_case`: what differs between its cases is something that PostgreSQL decides.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from spanstats.store import cluster
from spanstats.store.account import account, as_account

from .examples import AGAIN
from .memory import store_in_memory

NAMED = "SPANSTATS_TEST_DATABASE_URL"
FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/pgsql/bin",
)
OLDEST = 15
PACKAGES = ("catalog", "columnar", "comparison", "filters", "ingest", "insights", "reading", "stats", "store")
"""All packages whose code makes statements: `tests/test_installed.py`."""
THROUGHOUT = (
    *("tests/test_archive.py", "tests/test_migrating.py", "tests/test_state_machine.py"),
    # Lists and pages, whose statements are put together from what is asked; filters are those of tests/filters.
    *("tests/api/test_respan_logs.py", "tests/api/test_respan_spans.py", "tests/api/test_respan_scores.py"),
    *("tests/api/test_respan_experiments.py", "tests/api/test_parea_reading.py"),
    "tests/api/test_stats_rows.py",
)


def main() -> int:
    store_in_memory()
    if os.environ.get(NAMED):
        return run_tests(os.environ[NAMED])
    versions = installed()
    if not versions:
        print(f"SKIPPED: the tests on another version of PostgreSQL; none is installed and {NAMED} is not set")
        return 0
    version, binaries = min(versions)
    print(f"The tests again, on PostgreSQL {version} of {binaries}")
    with temporary_server(binaries) as url:
        return run_tests(url)


def installed() -> list[tuple[int, Path]]:
    """Versions and binaries of the servers of this machine that are recent enough, without the embedded one's."""
    folders = [folder for pattern in FOLDERS for folder in Path("/").glob(pattern[1:])]
    versions = [(version_of(folder), folder) for folder in folders if (folder / "initdb").exists()]
    return [(version, folder) for version, folder in versions if OLDEST <= version != int(cluster.MAJOR)]


def version_of(binaries: Path) -> int:
    printed = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    number = re.search(r"\) (\d+)", printed)
    return int(number.group(1)) if number else 0


@contextmanager
def temporary_server(binaries: Path) -> Iterator[str]:
    owner = account()
    directory = Path(tempfile.mkdtemp(prefix="spanstats-"))
    os.chown(directory, owner.uid, owner.gid)
    data = str(directory / "data")

    def run(*command: str) -> None:
        subprocess.run(
            [binaries / command[0], *command[1:]],
            check=True,
            stdout=subprocess.DEVNULL,
            env=cluster.ENVIRONMENT,
            cwd="/",
            **as_account(owner),
        )

    try:
        run("initdb", "-D", data, "-U", "postgres", "--encoding=UTF8", "--locale=C", "--auth=trust")
        settings = ("listen_addresses=", "fsync=off", "full_page_writes=off", "autovacuum=off", "max_wal_size=128MB")
        options = f"-k {directory} -c " + " -c ".join(settings)
        run("pg_ctl", "-D", data, "-w", "-l", f"{data}/log.txt", "-o", options, "start")
        try:
            yield f"postgresql://postgres@/postgres?host={directory}"
        finally:
            run("pg_ctl", "-D", data, "-w", "-m", "fast", "stop")
    finally:
        shutil.rmtree(directory)


def run_tests(url: str) -> int:
    chosen = ["-m", "database and not one_version", *(f"tests/{package}" for package in PACKAGES), *THROUGHOUT]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *chosen, *sys.argv[1:]], env=os.environ | {NAMED: url, AGAIN: "1"}, check=False
    ).returncode


def without_further_cases(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The tests, and of each that is parametrized the first case alone, unless it is marked `every_case`."""
    tests: set[str] = set()
    items_to_run = []
    for item in items:
        test = item.nodeid.partition("[")[0]
        if test not in tests or item.get_closest_marker("every_case") is not None:
            items_to_run.append(item)
        tests.add(test)
    return items_to_run


if __name__ == "__main__":
    sys.exit(main())
