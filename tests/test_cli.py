"""The command line as its users meet it: real processes, real signals."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time

import pytest

from tests.conftest import run_sql

from .prepared import prepared
from .services import (
    PATIENCE_S,
    SPANSTATS,
    Start,
    data,
    environment,
    free_port,
    run,
    run_command,
    start,
    start_command,
)

__all__ = ["environment", "prepared", "start", "start_command"]


def assert_one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1
    assert done.stderr.startswith("spanstats: ")
    assert done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize(("how", "workers"), [("start_command", "1"), ("start", "2")])
def test_serve_starts_answers_and_stops_cleanly(
    request: pytest.FixtureRequest, environment: dict[str, str], how: str, workers: str
) -> None:
    service = request.getfixturevalue(how)(SPANSTATS_WORKERS=workers)
    service.wait_for("/readyz", 200)
    [key] = re.findall(r"API key\s+(sps_\S+)", service.out)
    file = data(environment) / "api_key"
    assert file.read_text().strip() == key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert f"http://127.0.0.1:{service.port}" in service.out
    assert service.status("/api/parea/v1/experiment/none/stats", key) == 404
    assert service.status("/api/parea/v1/experiment/none/stats", key + "x") == 401
    assert service.stop() == 0
    assert not (data(environment) / "postgres" / "postmaster.pid").exists()


def test_the_printed_requests_work_as_they_are(start: Start) -> None:
    service = start()
    service.wait_for("/readyz", 200)
    commands = re.findall(r"curl .*", service.out)
    answers = [subprocess.run(["/bin/sh", "-c", f"{c} -sS"], capture_output=True, check=True).stdout for c in commands]
    [trace] = json.loads(answers[-1])["parent_trace_stats"]
    assert trace["cost"] == 0.01


@pytest.mark.usefixtures("prepared")
def test_the_second_start_says_where_the_key_is_and_does_not_print_it(
    start: Start, environment: dict[str, str]
) -> None:
    first = start()
    first.wait_for("/readyz", 200)
    assert first.stop(signal.SIGINT) == 0
    second = start()
    second.wait_for("/readyz", 200)
    key = (data(environment) / "api_key").read_text().strip()
    assert key not in second.out
    assert str(data(environment) / "api_key") in second.out
    assert second.status("/api/parea/v1/experiment/none/stats", key) == 404


@pytest.mark.usefixtures("prepared")
def test_a_configured_key_works_and_none_is_made(start: Start, environment: dict[str, str]) -> None:
    service = start(SPANSTATS_API_KEY="my-own-key")
    service.wait_for("/readyz", 200)
    assert service.status("/api/parea/v1/experiment/none/stats", "my-own-key") == 404
    assert not (data(environment) / "api_key").exists()
    assert "my-own-key" not in service.out + service.err


@pytest.mark.usefixtures("prepared")
def test_a_database_server_that_dies_is_started_again(start: Start, environment: dict[str, str]) -> None:
    service = start()
    service.wait_for("/readyz", 200)
    file = data(environment) / "postgres" / "postmaster.pid"
    before = int(file.read_text().split()[0])
    os.kill(before, signal.SIGKILL)
    service.wait_for("/readyz", 503)
    service.wait_for("/readyz", 200)
    assert int(file.read_text().split()[0]) != before
    assert service.stop() == 0


@pytest.mark.usefixtures("prepared")
def test_a_killed_service_starts_again_on_the_same_port(start: Start, environment: dict[str, str]) -> None:
    first = start(SPANSTATS_WORKERS="2")
    first.wait_for("/readyz", 200)
    first.stop(signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_S
    while first.status("/healthz"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    environment["SPANSTATS_PORT"] = str(first.port)
    second = start()
    second.wait_for("/readyz", 200)
    assert second.stop() == 0
    assert not (data(environment) / "postgres" / "postmaster.pid").exists()


@pytest.mark.usefixtures("prepared")
def test_keys_are_made_listed_and_revoked_beside_a_running_service(start: Start, environment: dict[str, str]) -> None:
    service = start()
    service.wait_for("/readyz", 200)
    key = run_command(environment, "keys", "create", "ci", "--tenant", "acme", "--scope", "read").stdout.strip()
    assert service.status("/api/parea/v1/experiment/none/stats", key) == 404
    [line] = [line for line in run(environment, "keys", "list").stdout.splitlines() if "\tacme\tci\tread\t" in line]
    assert run(environment, "keys", "revoke", line.split("\t")[0]).returncode == 0
    time.sleep(1.1)
    assert service.status("/api/parea/v1/experiment/none/stats", key) == 401
    assert service.status("/readyz") == 200


def test_a_signal_is_heard_before_the_program_is_imported(environment: dict[str, str]) -> None:
    """The first process of a container would not get it otherwise."""
    stop_at_import = """
import os, runpy, signal, sys
class Stop:
    def find_spec(self, name, *_):
        if name == "spanstats.cli":
            os.kill(os.getpid(), signal.SIGTERM)
sys.meta_path.insert(0, Stop())
runpy.run_module("spanstats", run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", stop_at_import], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (128 + signal.SIGTERM, "")


def test_a_command_that_is_ended_stops_its_database(environment: dict[str, str]) -> None:
    assert run(environment, "migrate").returncode == 0
    file = data(environment) / "postgres" / "postmaster.pid"
    assert not file.exists()
    with subprocess.Popen([*SPANSTATS, "import", "-"], env=environment, stdin=subprocess.PIPE) as waiting:
        deadline = time.monotonic() + PATIENCE_S
        while not file.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        waiting.terminate()
        assert waiting.wait(PATIENCE_S) == 128 + signal.SIGTERM
    assert not file.exists()


@pytest.mark.usefixtures("prepared")
def test_a_second_service_on_the_same_data_is_refused(start: Start, environment: dict[str, str]) -> None:
    service = start()
    service.wait_for("/readyz", 200)
    assert_one_line(run(environment, "serve", "--port", "0"), "another spanstats", "SPANSTATS_DATA_DIR")
    assert service.status("/readyz") == 200


def test_a_port_in_use_is_told_before_anything_is_started(environment: dict[str, str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert_one_line(run(environment, "serve", "--port", str(port)), str(port), "--port")
    assert not data(environment).exists()


def test_wrong_settings_are_told_in_one_line(environment: dict[str, str]) -> None:
    environment["SPANSTATS_WORKERS"] = "many"
    assert_one_line(run(environment, "serve"), "SPANSTATS_WORKERS")
    assert_one_line(run(environment, "keys", "list"), "SPANSTATS_WORKERS")


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["keys", "list"]])
def test_a_data_directory_that_cannot_be_made_is_told_in_one_line(
    environment: dict[str, str], command: list[str]
) -> None:
    file = data(environment)
    file.touch()
    assert_one_line(run(environment, *command), f"{file}: File exists", "SPANSTATS_DATA_DIR")
    environment["SPANSTATS_DATA_DIR"] = str(file / "below")
    assert_one_line(run(environment, *command), "Not a directory", "SPANSTATS_DATA_DIR")


def test_a_wrong_option_is_told_like_a_wrong_setting(environment: dict[str, str]) -> None:
    assert_one_line(run(environment, "serve", "--port", "70000"), "SPANSTATS_PORT")


def test_a_database_that_never_answers_is_given_up_on(environment: dict[str, str]) -> None:
    environment["SPANSTATS_DATABASE_URL"] = f"postgresql://u:hunter2@127.0.0.1:{free_port()}/d"
    environment["SPANSTATS_DATABASE_WAIT_S"] = "1"
    done = run(environment, "migrate")
    assert_one_line(done, "127.0.0.1", "SPANSTATS_DATABASE_URL")
    assert "hunter2" not in done.stderr


def test_a_database_that_does_not_exist_is_not_waited_for(environment: dict[str, str], server_url: str) -> None:
    environment["SPANSTATS_DATABASE_URL"] = server_url.replace("/postgres?", "/no_such?")
    # Longer than `run` is patient.
    environment["SPANSTATS_DATABASE_WAIT_S"] = "3600"
    assert_one_line(run(environment, "migrate"), "no_such")


def test_a_named_database_is_migrated_then_keys_can_be_made(
    environment: dict[str, str], empty_database_url: str
) -> None:
    environment["SPANSTATS_DATABASE_URL"] = empty_database_url
    assert_one_line(run(environment, "keys", "create", "ci"), "spanstats migrate")
    for _ in range(2):
        assert run(environment, "migrate").returncode == 0
    assert run(environment, "keys", "create", "ci").stdout.startswith("sps_")
    assert not data(environment).exists()


def test_a_database_of_a_newer_version_is_left_alone(environment: dict[str, str], database_url: str) -> None:
    run_sql(database_url, "UPDATE alembic_version SET version_num = '99990101'")
    environment["SPANSTATS_DATABASE_URL"] = database_url
    assert_one_line(run(environment, "serve", "--port", "0"), "another version")


def test_two_replicas_may_start_on_one_empty_database_at_once(start: Start, empty_database_url: str) -> None:
    replicas = [start(SPANSTATS_DATABASE_URL=empty_database_url, SPANSTATS_API_KEY="shared") for _ in range(2)]
    for service in replicas:
        service.wait_for("/readyz", 200)
        assert service.status("/api/parea/v1/experiment/none/stats", "shared") == 404
    assert [service.stop() for service in replicas] == [0, 0]


def test_a_scope_that_is_none_is_refused(environment: dict[str, str]) -> None:
    assert_one_line(run(environment, "keys", "create", "ci", "--scope", "write"), "--scope")


def test_what_erases_for_good_asks_for_clear_words(environment: dict[str, str], database_url: str) -> None:
    environment["SPANSTATS_DATABASE_URL"] = database_url
    assert_one_line(run(environment, "tenants", "delete", "default"), "--yes")
    assert_one_line(run(environment, "prune", "--older-than", "90"), "--older-than")
    assert_one_line(run(environment, "export", "e", "--tenant", "nobody"), "no tenant nobody")
    assert_one_line(run(environment, "import", "no-such-file"), "no-such-file")


def test_an_argument_that_is_not_utf_8_is_told_in_one_line(environment: dict[str, str], database_url: str) -> None:
    environment["SPANSTATS_DATABASE_URL"] = database_url
    for arguments in (["tenants", "delete", "\udcff", "--yes"], ["export", "e", "--tenant", "\udcff"]):
        assert_one_line(run(environment, *arguments), "not UTF-8")
