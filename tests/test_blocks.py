"""Every block of code in the documents is run, or held against what it is about; one without a row in `HOW` fails."""

import asyncio
import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from sqlalchemy.engine import make_url

from spanstats.catalog import placement
from spanstats.store import cluster
from spanstats.store.schema import migrate
from spanstats.store.session import Database, create_engine
from tests.conftest import run_sql

from .documentation import ROOT, known_commands, snippet
from .prepared import prepared
from .services import Service, Start, data, environment, run, start
from .test_docs import DOCUMENTS, FILE, give_to_the_server, named

__all__ = ["environment", "prepared", "start"]


class How(Enum):
    """How the blocks of a row are checked."""

    TARGETS = "make can work out every line"
    RUN = "run beside a service with the embedded database, as the test below does"
    CLIENT = "sets what clients/run.py gives its clients"
    SNIPPET = "is a file of clients/snippets, which `make clients` runs"
    ANSWER = "has the fields of a real answer"
    OPERATIONS = "run by tests/test_docs.py, in the order of the document"
    FILTER = "read and bound by tests/test_docs.py"
    IMAGE = "fits the Dockerfile and the compose file"
    COMPOSE = "names services of the compose file, and commands that there are"
    SETTINGS = "sets variables that the program or its libraries know, and calls a command that there is"
    ENVIRONMENT = "is a file of settings that the program takes"
    STATEMENT = "PostgreSQL answers it"
    SERVER = "PostgreSQL takes each setting, and the embedded server is set no otherwise"
    GATE = "run by tests/gate/test_command.py"
    INSIGHTS = "asked of a run of the demo, as the test below does"
    INSIGHTS_ANSWER = "has no field that a real answer lacks"
    CITUS = "a second shard takes what is not for Citus alone, and has the same ranges of ids afterwards"
    DRAWING = "nothing to run"


# Document, language and first line; where several blocks are alike so far, all are checked alike.
HOW = {
    ("CONTRIBUTING.md", "sh", "make test"): How.TARGETS,
    ("README.md", "sh", "make serve"): How.TARGETS,
    ("README.md", "sh", ".venv/bin/spanstats demo"): How.RUN,
    ("README.md", "sh", "export "): How.CLIENT,
    ("README.md", "python", ""): How.SNIPPET,
    ("README.md", "sh", "curl "): How.RUN,
    ("README.md", "json", ""): How.ANSWER,
    ("README.md", "sh", 'curl -H "Authorization: Bearer $KEY" "$URL/api/stats/'): How.INSIGHTS,
    ("README.md", "json", '{\n  "unit"'): How.INSIGHTS_ANSWER,
    ("docs/clients.md", "sh", "export "): How.CLIENT,
    ("docs/clients.md", "python", ""): How.SNIPPET,
    ("docs/insights.md", "sh", "curl "): How.INSIGHTS,
    ("docs/architecture.md", "text", ""): How.DRAWING,
    ("docs/comparison.md", "sh", ""): How.GATE,
    ("docs/filters.md", "json", ""): How.FILTER,
    ("docs/operations.md", "sh", ""): How.OPERATIONS,
    ("docs/operations.md", "text", "docker build"): How.IMAGE,
    ("docs/operations.md", "text", "docker compose "): How.COMPOSE,
    ("docs/operations.md", "text", 'BIN="$(python'): How.RUN,
    ("docs/operations.md", "text", "SPANSTATS_API_KEY=... python deploy/drill.py"): How.COMPOSE,
    ("docs/operations.md", "text", "log_min_messages"): How.SERVER,
    ("docs/operations.md", "text", "SPANSTATS_TRACING_ENDPOINT="): How.SETTINGS,
    ("docs/operations.md", "text", "SPANSTATS_DATABASE_URL="): How.ENVIRONMENT,
    ("docs/operations.md", "text", "SPANSTATS_READ_URLS="): How.ENVIRONMENT,
    ("docs/operations.md", "text", "   DROP TRIGGER"): How.CITUS,
    ("docs/operations.md", "text", "   SET citus."): How.CITUS,
    ("docs/scale.md", "sql", ""): How.STATEMENT,
}


class Block(NamedTuple):
    document: str
    language: str
    text: str


def all_blocks() -> Iterator[Block]:
    for path in DOCUMENTS:
        for language, text in re.findall(r"^ *```([^\n]*)\n(.*?)^ *```$", path.read_text(), re.MULTILINE | re.DOTALL):
            yield Block(named(path), language, text)


BLOCKS = list(all_blocks())


def rows_of(block: Block) -> list[tuple[str, str, str]]:
    """The most telling rows of the table that a block fits."""
    fitting = [row for row in HOW if row[:2] == block[:2] and block.text.startswith(row[2])]
    longest = max((len(row[2]) for row in fitting), default=0)
    return [row for row in fitting if len(row[2]) == longest]


def checked(how: How) -> list[str]:
    return [block.text for block in BLOCKS if [HOW[row] for row in rows_of(block)] == [how]]


def test_every_block_has_a_row_and_every_row_a_block() -> None:
    assert [block for block in BLOCKS if len(rows_of(block)) != 1] == []
    assert {row for block in BLOCKS for row in rows_of(block)} == HOW.keys()


@pytest.mark.parametrize("text", checked(How.TARGETS))
def test_make_can_work_out_every_target(text: str) -> None:
    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        done = subprocess.run([words[0], "--dry-run", *words[1:]], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip(), line


@pytest.mark.parametrize("text", checked(How.CLIENT))
def test_what_a_reader_exports_is_what_the_clients_are_tested_with(text: str) -> None:
    exports = subprocess.run(
        ["/bin/sh", "-c", f"{text}\nenv"],
        env={"URL": "http://u", "KEY": "k"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    exported = {name for line in text.splitlines() for name in re.findall(r"(\w+)=", line) if name.isupper()}
    code = "import json, run; print(json.dumps(run.settings_of_clients('http://u', 'k')))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "clients", capture_output=True, text=True, check=True
    )
    environment_of_tests = json.loads(done.stdout)
    assert len(exported) >= 2
    assert {line for line in exports.splitlines() if line.split("=")[0] in exported} == {
        f"{n}={environment_of_tests[n]}" for n in exported
    }


@pytest.mark.parametrize("text", checked(How.SNIPPET))
def test_every_snippet_is_a_file_that_is_run(text: str) -> None:
    assert text.strip() in {snippet(path) for path in (ROOT / "clients/snippets").glob("*.py")}


def test_those_that_test_docs_runs_are_those_that_it_looks_for() -> None:
    where = {How.OPERATIONS: ("docs/operations.md", "sh"), How.FILTER: (named(FILE), "json")}
    for how, kind in where.items():
        assert [block for block in BLOCKS if block[:2] == kind and [HOW[r] for r in rows_of(block)] != [how]] == []
        assert checked(how)


def shape(value: Any) -> Any:
    """Which fields an answer has; of alike things that of the first."""
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    if not isinstance(value, dict):
        return None
    by_evaluator = isinstance(value.get("scores"), dict)
    fields = {name: shape(inner) for name, inner in value.items()}
    return fields | ({"scores": [shape(next(iter(value["scores"].values())))]} if by_evaluator else {})


def test_the_demo_and_the_two_requests_answer_what_is_shown(start: Start, environment: dict[str, str]) -> None:
    service = start(SPANSTATS_API_KEY="k")
    service.wait_for("/readyz", 200)
    [demo] = [text for text in checked(How.RUN) if "spanstats demo" in text]
    shown = run(environment, *shlex.split(demo)[1:]).stdout
    experiment = re.search(r"demo-parea-\w+", shown)
    assert experiment is not None
    assert re.search(r"summary/.*score ", shown, re.DOTALL)
    verdicts = dict(re.findall(r"^(?:scores\.)?(\w+)  .*  (\w+)$", shown, re.MULTILINE))
    assert (verdicts["relevance"], verdicts["correct"], verdicts["tone"]) == ("better", "worse", "inconclusive")
    requests = [text for text in checked(How.RUN) if text.startswith("curl ")]
    variables = {"KEY": "k", "URL": f"http://127.0.0.1:{service.port}", "EXPERIMENT": experiment[0]}
    answers = [json.loads(shell(text, os.environ | variables)) for text in requests]
    assert [shape(json.loads(text)) for text in checked(How.ANSWER)] == [shape(answer) for answer in answers]
    assert answers[0]["parent_trace_stats"]
    assert answers[1]["total_count"]
    insights = [answer for text in checked(How.INSIGHTS) for answer in asked(text, experiment[0], variables)]
    assert all("error" not in answer and answer["as_of"] for answer in insights)
    for text in checked(How.INSIGHTS_ANSWER):
        promised = shape(json.loads(text))
        assert any(promised.keys() <= answer.keys() for answer in insights), promised


def asked(text: str, experiment: str, variables: dict[str, str]) -> Iterator[dict[str, Any]]:
    """The answers to the requests of a block, put to an experiment of the demo and one of its evaluators."""
    put = text.replace("greetings", experiment).replace("scores.exact", "scores.correct")
    rest = shell(put, os.environ | variables)
    while rest.strip():
        answer, end = json.JSONDecoder().raw_decode(rest.lstrip())
        rest = rest.lstrip()[end:]
        yield answer


@pytest.mark.usefixtures("prepared")
def test_the_embedded_database_is_copied_while_it_runs(
    start: Start, environment: dict[str, str], tmp_path: Path
) -> None:
    first = start()
    first.wait_for("/readyz", 200)
    key = (data(environment) / "api_key").read_text().strip()
    before = posted(first, key, 1)
    [text] = [text for text in checked(How.RUN) if "pg_basebackup" in text]
    binaries = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    shell(f"cd {tmp_path}\n{text}", environment | binaries)
    posted(first, key, 2)
    assert first.stop() == 0
    shutil.rmtree(data(environment))
    (tmp_path / "backup").rename(data(environment))
    give_to_the_server(data(environment) / "postgres")
    second = start()
    second.wait_for("/readyz", 200)
    assert stats(second, key) == before
    assert second.stop() == 0


def posted(service: Service, key: str, number: int) -> str:
    """Post a trace; the stats after it."""
    log = json.dumps({"trace_id": f"t{number}", "experiment_uuid": "e", "cost": number})
    request = f"curl --fail --silent -H 'x-api-key: {key}' http://127.0.0.1:{service.port}/api/parea/v1"
    shell(f"{request}/trace_log -H 'content-type: application/json' -d '{log}'", dict(os.environ))
    return stats(service, key)


def stats(service: Service, key: str) -> str:
    url = f"http://127.0.0.1:{service.port}/api/parea/v1/experiment/e/stats"
    return shell(f"curl --fail --silent -H 'x-api-key: {key}' {url}", dict(os.environ))


def shell(text: str, variables: dict[str, str]) -> str:
    done = subprocess.run(["/bin/sh", "-c", f"set -eu\n{text}"], env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "docker-compose.yml").read_text()))


@pytest.mark.parametrize("text", checked(How.IMAGE))
def test_the_image_is_run_as_it_is_built(text: str) -> None:
    build, started = (shlex.split(line) for line in text.replace("\\\n", " ").splitlines())
    options = dict(itertools.pairwise(started))
    dockerfile = (ROOT / "Dockerfile").read_text()
    service = compose()["services"]["spanstats"]
    assert build == ["docker", "build", "--tag", started[-1], "."]
    assert options["--volume"].split(":")[1] in re.findall(r"^VOLUME (\S+)$", dockerfile, re.MULTILINE)
    assert options["--publish"].split(":")[2] in re.findall(r"^EXPOSE (\S+)$", dockerfile, re.MULTILINE)
    assert options["--publish"].startswith("127.0.0.1:")
    assert {"--read-only", "--init"} <= {*started}
    assert service["init"]
    assert [options["--tmpfs"]] == service["tmpfs"]
    assert [options["--cap-drop"]] == service["cap_drop"]
    assert [f"{options['--security-opt']}:true"] == service["security_opt"]
    # Both the service and its database have their time.
    assert int(options["--stop-timeout"]) >= int(service["stop_grace_period"].removesuffix("s")) + 30


@pytest.mark.parametrize("text", checked(How.COMPOSE))
def test_what_compose_is_asked_for_is_there(text: str) -> None:
    services = compose()["services"]
    for line in re.findall(r"docker .*?(?=$|'| && )", text, re.MULTILINE):
        words = [word for word in shlex.split(line.split(" > ")[0].split(" < ")[0]) if not word.startswith("-")]
        arguments = words[2:] if words[1] == "compose" else words[1:]
        assert arguments[0] in ("exec", "up", "down", "kill", "start"), line
        assert len(arguments) == 1 or arguments[1] in services, line
        if len(arguments) > 2 and arguments[2] == "spanstats":
            assert any(" ".join(arguments[3:]).startswith(command) for command in known_commands()), line
    for script in re.findall(r"python (\S+\.py)", text):
        assert (ROOT / script).exists()


@pytest.mark.parametrize("text", checked(How.SETTINGS))
def test_settings_and_commands_of_a_line_exist(text: str, environment: dict[str, str]) -> None:
    for line in text.splitlines():
        words = shlex.split(line)
        variables = dict(word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word))
        [command] = [" ".join(words[words.index(word) + 1 :]) for word in words if word == "spanstats"]
        assert command in known_commands()
        code = "from spanstats.settings import load; load()"
        subprocess.run([sys.executable, "-c", code], env=environment | variables, check=True)
        assert {*variables} <= {*re.findall(r"`(SPANSTATS_[A-Z_]+)`", (ROOT / "docs/settings.md").read_text())}


@pytest.mark.parametrize("text", checked(How.ENVIRONMENT))
def test_files_of_settings_are_taken(text: str, environment: dict[str, str]) -> None:
    variables = dict(line.split("=", 1) for line in text.splitlines())
    code = "from spanstats.settings import load; load()"
    subprocess.run([sys.executable, "-c", code], env=environment | variables, check=True)
    assert {*variables} <= {*re.findall(r"`(SPANSTATS_[A-Z_]+)`", (ROOT / "docs/settings.md").read_text())}


@pytest.mark.parametrize("text", checked(How.STATEMENT))
def test_statements_are_answered(text: str, database_url: str) -> None:
    assert run_sql(database_url, text)


@pytest.mark.parametrize("text", checked(How.SERVER))
def test_the_server_takes_what_it_is_to_be_set_to(text: str, database_url: str) -> None:
    settings = dict(re.findall(r"^(\w+) = (\S+)", text, re.MULTILINE))
    assert len(settings) == len(text.splitlines())
    assert cluster.DISCREET.items() <= settings.items()
    for name, value in settings.items():
        run_sql(database_url, f"SET {name} = {value}")


RANGES = """
SELECT sequencename, min_value, max_value, start_value FROM pg_sequences
WHERE schemaname = 'two' AND sequencename IN ('experiments_key_seq', 'datasets_id_seq', 'test_cases_id_seq') ORDER BY 1
"""


@pytest.mark.one_database("it makes a shard of its own")
def test_a_shard_on_citus_is_a_shard_to_which_this_is_done(database_url: str) -> None:
    run_sql(database_url, "CREATE SCHEMA two")
    second = make_url(database_url).update_query_dict({"schema": "two"}).render_as_string(hide_password=False)
    migrate(second)
    asyncio.run(register(database_url, second))
    before = run_sql(database_url, RANGES)
    for text in checked(How.CITUS):
        for statement in filter(str.strip, text.split(";")):
            if "citus" not in statement:
                run_sql(database_url, statement)
    assert run_sql(database_url, RANGES) == before
    of_shard = "SELECT 1 FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid WHERE relnamespace = 'two'::regnamespace"
    assert run_sql(database_url, f"{of_shard} AND NOT tgisinternal") == []


async def register(database_url: str, second: str) -> None:
    directory, shard = (Database(create_engine(url)) for url in (database_url, second))
    await placement.register(directory, shard, "two")
    for database in (directory, shard):
        await database.dispose()
