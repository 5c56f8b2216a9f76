"""Run the tests once more on a PostgreSQL of another version, where one is to be had.

That is the server of SPANSTATS_TEST_DATABASE_URL, else a temporary one of the oldest version found installed.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spanstats.store import cluster

NAMED = "SPANSTATS_TEST_DATABASE_URL"
PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/pgsql/bin")
OLDEST = 15
# These start servers of their own, which are always the embedded one.
APART = (
    *("tests/test_cli.py", "tests/test_docs.py", "tests/test_blocks.py", "tests/test_drill.py"),
    "tests/store/test_embedded.py",
    *("tests/faults", "tests/api/test_described.py"),
)


def main() -> int:
    if os.environ.get(NAMED):
        return run_tests(os.environ[NAMED])
    found = installed()
    if not found:
        print(f"SKIPPED: the tests on another version of PostgreSQL; none is installed and {NAMED} is not set")
        return 0
    version, binaries = min(found)
    print(f"The tests again, on PostgreSQL {version} of {binaries}")
    with temporary_server(binaries) as url:
        return run_tests(url)


def installed() -> list[tuple[int, Path]]:
    """Versions and binaries of the servers of this machine that are recent enough, without the embedded one's."""
    folders = [folder for place in PLACES for folder in Path("/").glob(place[1:])]
    found = [(version_of(folder), folder) for folder in folders if (folder / "initdb").exists()]
    return [(version, folder) for version, folder in found if OLDEST <= version != int(cluster.MAJOR)]


def version_of(binaries: Path) -> int:
    told = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    number = re.search(r"\) (\d+)", told)
    return int(number.group(1)) if number else 0


@contextmanager
def temporary_server(binaries: Path) -> Iterator[str]:
    owner = cluster.account()
    place = Path(tempfile.mkdtemp(prefix="spanstats-"))
    os.chown(place, owner.uid, owner.gid)
    data = str(place / "data")

    def run(*command: str) -> None:
        subprocess.run(
            [binaries / command[0], *command[1:]],
            check=True,
            stdout=subprocess.DEVNULL,
            env=cluster.ENVIRONMENT,
            cwd="/",
            **cluster.as_account(owner),
        )

    try:
        run("initdb", "-D", data, "-U", "postgres", "--encoding=UTF8", "--locale=C", "--auth=trust")
        options = f"-k {place} -c listen_addresses='' -c fsync=off -c full_page_writes=off -c autovacuum=off"
        run("pg_ctl", "-D", data, "-w", "-l", f"{data}/log.txt", "-o", options, "start")
        try:
            yield f"postgresql://postgres@/postgres?host={place}"
        finally:
            run("pg_ctl", "-D", data, "-w", "-m", "fast", "stop")
    finally:
        shutil.rmtree(place)


def run_tests(url: str) -> int:
    ignored = [f"--ignore={path}" for path in APART]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *ignored, *sys.argv[1:]], env=os.environ | {NAMED: url}, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
