"""The embedded server comes up whatever happened before, and is left to nobody but its users."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import QUICK, run_sql
from tests.prepared import prepare

from spanstats.store import cluster
from spanstats.store.account import EmbeddedServerError
from spanstats.store.embedded import EmbeddedServer


@pytest.fixture
def directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="spanstats-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def prepared(directory: Path) -> None:
    prepare(directory)


@pytest.fixture
def server(directory: Path, prepared: None) -> Iterator[EmbeddedServer]:
    embedded = EmbeddedServer(directory, patience_s=60, settings=QUICK | {"fsync": "on", "full_page_writes": "on"})
    embedded.start()
    yield embedded
    embedded.stop()


def postmaster(directory: Path) -> int:
    return int((directory / "postgres" / "postmaster.pid").read_text().split()[0])


def test_text_is_utf8_and_order_does_not_depend_on_the_machine(server: EmbeddedServer) -> None:
    [row] = run_sql(server.url(), "SELECT current_setting('server_encoding') AS encoding, 'Z' < 'a' AS by_bytes")
    assert (row["encoding"], row["by_bytes"]) == ("UTF8", True)


def test_it_listens_on_no_network_address(server: EmbeddedServer) -> None:
    assert run_sql(server.url(), "SHOW listen_addresses")[0]["listen_addresses"] == ""


def test_its_files_and_socket_are_closed_to_other_users(server: EmbeddedServer, directory: Path) -> None:
    assert stat.S_IMODE((directory / "postgres").stat().st_mode) == 0o700
    assert stat.S_IMODE(directory.stat().st_mode) & 0o066 == 0


def test_starting_twice_starts_one(server: EmbeddedServer, directory: Path) -> None:
    before = postmaster(directory)
    server.start()
    assert postmaster(directory) == before


def test_what_was_committed_is_there_after_the_server_was_killed(server: EmbeddedServer, directory: Path) -> None:
    run_sql(server.url(), "CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(postmaster(directory), signal.SIGKILL)
    while server.alive():
        pass
    server.start()
    assert run_sql(server.url(), "SELECT answer FROM kept")[0]["answer"] == 42


def test_a_socket_that_a_child_of_a_killed_server_still_holds_is_no_server(
    server: EmbeddedServer, directory: Path
) -> None:
    os.kill(postmaster(directory), signal.SIGKILL)
    while server.alive():
        pass
    path = directory / "postgres" / cluster.SOCKET_NAME
    path.unlink()
    with socket.socket(socket.AF_UNIX) as held:
        held.bind(str(path))
        held.listen()
        server.start()
        assert run_sql(server.url(), "SELECT 1 AS one")[0]["one"] == 1


@pytest.mark.usefixtures("prepared")
def test_a_server_whose_parent_was_killed_is_found_again(directory: Path) -> None:
    program = (
        "import os, signal, sys, pathlib\n"
        "from spanstats.store.embedded import EmbeddedServer\n"
        "EmbeddedServer(pathlib.Path(sys.argv[1])).start()\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program, str(directory)], check=False)
    before = postmaster(directory)
    server = EmbeddedServer(directory)
    server.start()
    try:
        assert postmaster(directory) == before
        assert run_sql(server.url(), "SELECT 1 AS one")[0]["one"] == 1
    finally:
        server.stop()
    assert not server.alive()


def test_a_pid_file_that_names_another_program_is_no_hindrance(server: EmbeddedServer, directory: Path) -> None:
    files = [directory / "postgres" / name for name in ("postmaster.pid", ".s.PGSQL.5432.lock")]
    os.kill(postmaster(directory), signal.SIGKILL)
    while server.alive():
        pass
    for file in files:
        file.write_text(f"{os.getpid()}\n{file.read_text().split(chr(10), 1)[1]}")
    server.start()
    assert run_sql(server.url(), "SELECT 1 AS one")[0]["one"] == 1


def test_a_copy_of_a_running_servers_directory_gets_a_server_of_its_own(
    server: EmbeddedServer, directory: Path
) -> None:
    run_sql(server.url(), "CHECKPOINT")
    copied = directory / "copy"
    ignored = shutil.ignore_patterns(".s.PGSQL.5432", "copy")
    shutil.copytree(directory / "postgres", copied / "postgres", ignore=ignored)
    if os.geteuid() == 0:
        owner = (directory / "postgres").stat()
        for file in (copied / "postgres", *(copied / "postgres").rglob("*")):
            os.chown(file, owner.st_uid, owner.st_gid)
    copy = EmbeddedServer(copied, settings=QUICK)
    copy.start()
    try:
        assert postmaster(copied) != postmaster(directory)
        assert run_sql(copy.url(), "SHOW data_directory")[0]["data_directory"] == str(copied / "postgres")
    finally:
        copy.stop()
    assert server.alive()


def test_the_last_user_to_leave_stops_it(server: EmbeddedServer, directory: Path) -> None:
    other = EmbeddedServer(directory)
    other.start()
    server.stop()
    assert other.alive()
    assert run_sql(other.url(), "SELECT 1 AS one")[0]["one"] == 1
    other.stop()
    assert not other.alive()
    assert not server.alive()


def test_only_one_service_may_claim_a_directory(server: EmbeddedServer, directory: Path) -> None:
    server.claim()
    with pytest.raises(EmbeddedServerError, match="another spanstats serves from"):
        EmbeddedServer(directory).claim()


@pytest.mark.parametrize("name", ["d" * 120, "it's a, {strange} näme"])
def test_a_path_that_cannot_be_a_socket_gets_a_private_one_elsewhere(directory: Path, name: str) -> None:
    server = EmbeddedServer(directory / name, settings=QUICK)
    server.start()
    try:
        assert run_sql(server.url(), "SELECT 1 AS one")[0]["one"] == 1
        place = Path(run_sql(server.url(), "SHOW unix_socket_directories")[0]["unix_socket_directories"])
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        assert not place.is_relative_to(directory)
    finally:
        server.stop()
    assert not place.exists()


def test_a_half_made_data_directory_is_made_anew(directory: Path) -> None:
    (directory / "postgres.new").mkdir()
    (directory / "postgres.new" / "PG_VERSION").write_text("18\n")
    server = EmbeddedServer(directory, settings=QUICK)
    server.start()
    try:
        assert run_sql(server.url(), "SELECT 1 AS one")[0]["one"] == 1
    finally:
        server.stop()


def test_data_of_another_major_version_is_refused_with_a_sentence(directory: Path) -> None:
    (directory / "postgres").mkdir()
    (directory / "postgres" / "PG_VERSION").write_text("15\n")
    with pytest.raises(EmbeddedServerError, match="made by PostgreSQL 15"):
        EmbeddedServer(directory).start()


def test_a_server_that_cannot_start_says_why(directory: Path) -> None:
    with pytest.raises(EmbeddedServerError, match=r"does not start: .*spanstats.conf"):
        EmbeddedServer(directory, settings={"no_such_setting": "1"}).start()


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ([None, None], None),
        (["max", None], None),
        (["1073741824", "2147483648"], 2**30),
        ([None, "2147483648"], 2**31),
        ([None, "9223372036854771712"], None),
    ],
)
def test_the_limit_of_a_container_is_its_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: list[str | None], expected: int | None
) -> None:
    files = [tmp_path / "memory.max", tmp_path / "memory.limit_in_bytes"]
    for file, limit in zip(files, limits, strict=True):
        if limit is not None:
            file.write_text(f"{limit}\n")
    monkeypatch.setattr(cluster, "_LIMITS", files)
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert cluster.memory_bytes() == min(expected or physical, physical)


def test_what_the_environment_says_of_other_servers_changes_nothing(directory: Path) -> None:
    program = (
        "import asyncio, pathlib, sys\n"
        "from spanstats.store import schema\n"
        "from spanstats.store.embedded import EmbeddedServer\n"
        "from spanstats.store.session import Database, create_engine\n"
        "async def current(url):\n"
        "    engine = create_engine(url)\n"
        "    assert await schema.is_ready(Database(engine))\n"
        "    await engine.dispose()\n"
        "server = EmbeddedServer(pathlib.Path(sys.argv[1]))\n"
        "server.start()\n"
        "try:\n"
        "    schema.migrate(server.url())\n"
        "    asyncio.run(current(server.url()))\n"
        "finally:\n"
        "    server.stop()"
    )
    misleading = {
        "PGHOST": "no-such-host.invalid",
        "PGHOSTADDR": "192.0.2.1",
        "PGPORT": "1",
        "PGUSER": "nobody",
        "PGPASSWORD": "secret",
        "PGDATABASE": "none",
        "PGDATA": "/nonexistent",
        "PGSSLMODE": "verify-full",
        "PGSSLNEGOTIATION": "direct",
        "PGSSLROOTCERT": "/nonexistent",
        "PGSSLCERT": "/nonexistent",
        "PGSSLMINPROTOCOLVERSION": "SSLv3",
        "PGTARGETSESSIONATTRS": "standby",
        "PGOPTIONS": "-c default_transaction_read_only=on -c search_path=none",
        "PGSERVICE": "elsewhere",
        "PGSERVICEFILE": "/nonexistent",
        "PGPASSFILE": "/nonexistent",
        "PGAPPNAME": "another",
        "PGTZ": "Asia/Kathmandu",
        "PGDATESTYLE": "German",
        "PGCLIENTENCODING": "LATIN1",
        "PGCHANNELBINDING": "require",
        "PGREQUIRESSL": "1",
        "PGKRBSRVNAME": "x",
        "PGGSSLIB": "none",
        "PGGSSENCMODE": "require",
        "PGCONNECT_TIMEOUT": "0.001",
        "LC_ALL": "tr_TR.UTF-8",
    }
    done = subprocess.run(
        [sys.executable, "-c", program, str(directory)], env=os.environ | misleading, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
