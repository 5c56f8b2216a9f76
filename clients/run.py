"""Runs the unmodified, published clients against a real server, each in a virtual environment of its own.

    make clients
    .venv/bin/python clients/run.py [WORD ...]

Every file in `flows/` and `snippets/` is one client. Words choose the files whose path contains one of them. The header
of a file (PEP 723) lists the packages that it needs. Files with the same packages share an environment, which is kept
in `.clients/` and made again when the header changes. A flow checks the answers of both vendors' endpoints and exits
with 1 if one is wrong. A snippet is the code of a user: every `print(...)  # text` in it must print that text.

The server is `spanstats serve` with a fresh data directory, or the one that SPANSTATS_URL and SPANSTATS_API_KEY name.
On such a server snippets need only succeed, because an earlier run may have left spans in their experiments. Python's
clients reach only this machine: `offline/` refuses other addresses.

Instrumentations of model calls make the same runs, which are data (`instrumented.py`), against one server that keeps a
ledger of the calls that it served (`model_server.py`). The service must answer the figures of the ledger.
"""

import hashlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
PLACE = HERE.parent / ".clients"
START_S, CLIENT_S, STOP_S = 60, 300, 30
CHECK_LINES = ("  ok ", "  FAIL ")


def main(words: list[str]) -> int:
    scripts = [
        path
        for folder in ("flows", "snippets")
        for path in sorted((HERE / folder).glob("*.py"))
        if not words or any(word in str(path.relative_to(HERE)) for word in words)
    ]
    if not scripts:
        print(f"No client is called {' or '.join(words)}", file=sys.stderr)
        return 2
    PLACE.mkdir(exist_ok=True)
    scripts = [script for script in scripts if can_run(script)]
    pythons = {script: environment(script) for script in scripts}
    began = time.monotonic()
    with server() as (url, key, fresh):
        failed = [
            script.name
            for number, script in enumerate(scripts, 1)
            if not passes(script, pythons[script], url, key, fresh, f"{number}/{len(scripts)}")
        ]
    seconds = time.monotonic() - began
    print(f"{len(scripts) - len(failed)} of {len(scripts)} clients pass, {seconds:.0f} s", flush=True)
    for name in failed:
        print(f"FAIL {name}", flush=True)
    return 1 if failed else 0


class Needed(NamedTuple):
    """What a client needs, as its header says: packages of Python, and of Node.js under `tool.npm`."""

    python: list[str]
    node: list[str]

    @property
    def all(self) -> list[str]:
        return self.python + self.node


def requirements(script: Path) -> Needed:
    """What the script's header says that it needs."""
    header = re.search(r"(?ms)^# /// script$\n(.*?)^# ///$", script.read_text())
    if header is None:
        raise SystemExit(f"{script} has no header that says what it needs")
    told = tomllib.loads(re.sub(r"(?m)^# ?", "", header[1]))
    of_node: list[str] = told.get("tool", {}).get("npm", {}).get("dependencies", [])
    return Needed(told["dependencies"], of_node)


def can_run(script: Path) -> bool:
    """Whether this machine has what the client runs on."""
    has_node = not requirements(script).node or shutil.which("npm") is not None
    if not has_node:
        print(f"SKIP {script.name}: Node.js is not installed", flush=True)
    return has_node


def environment(script: Path) -> Path:
    """The interpreter of the environment that holds just the script's packages; made if there is none."""
    needed = requirements(script)
    digest = hashlib.sha256("\n".join([sys.version, *sorted(needed.all)]).encode()).hexdigest()[:8]
    place = PLACE / f"{re.split('==|@', needed.all[0])[0].replace('[', '-').rstrip(']')}-{digest}"
    python, complete = place / "bin" / "python", place / ".complete"
    if not complete.exists():
        print(f"Installing {' '.join(needed.all)}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        npm = ["npm", "install", "--loglevel", "error", "--no-audit", "--no-fund", "--prefix", place]
        install(pip, needed.python)
        install(npm, needed.node)
        complete.touch()
    return python


def install(installer: list[str | Path], packages: list[str]) -> None:
    if packages:
        installed = subprocess.run([*installer, *packages], capture_output=True, text=True)
        if installed.returncode:
            raise SystemExit(f"Cannot install {packages}:\n{installed.stdout}{installed.stderr}")


@contextmanager
def server() -> Iterator[tuple[str, str, bool]]:
    """URL and key of a server, and whether it is a fresh one."""
    if "SPANSTATS_URL" in os.environ:
        yield os.environ["SPANSTATS_URL"].rstrip("/"), os.environ["SPANSTATS_API_KEY"], False
        return
    key, log = secrets.token_urlsafe(16), PLACE / "server.log"
    with tempfile.TemporaryDirectory(prefix="spanstats-clients-") as data, log.open("wb") as out:
        settings = {"SPANSTATS_DATA_DIR": data, "SPANSTATS_API_KEY": key, "SPANSTATS_LOG_LEVEL": "debug"}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SPANSTATS_")}
        process = subprocess.Popen(
            [Path(sys.executable).parent / "spanstats", "serve", "--port", "0"],
            env=inherited | settings,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            url = address(process, log)
            print(f"spanstats serves at {url}, its log is {log.relative_to(HERE.parent)}", flush=True)
            yield url, key, True
        finally:
            status = stop(process)
        if status:
            raise SystemExit(f"The server ended with {status}:\n{log.read_text()[-3000:]}")


def stop(process: "subprocess.Popen[bytes]") -> int:
    """The exit code; killed, it could not stop its database."""
    process.terminate()
    try:
        return process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """The URL that the server prints, once it is ready."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        printed = re.search(r"URL +(http://\S+)", log.read_text())
        if printed and is_ready(printed[1]):
            return printed[1]
        time.sleep(0.1)
    raise SystemExit(f"The server did not start:\n{log.read_text()[-3000:]}")


def is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def passes(script: Path, python: Path, url: str, key: str, fresh: bool, number: str) -> bool:
    """Run one client; what it says besides its checks is kept in a log, and shown when it fails."""
    name = script.relative_to(HERE)
    print(f"[{number}] {name} ({requirements(script).all[0]})", flush=True)
    log = PLACE / f"{name.parent}-{name.stem}.log"
    status = run_logged([python, "-P", script], settings_of_clients(url, key), log)
    holds = status == 0
    if script.parent.name == "snippets":
        holds = prints_as_told(script, log, fresh) and holds
    if not holds:
        print(f"  FAIL exit code {status}, {log.relative_to(HERE.parent)} ends:\n{log.read_text()[-4000:]}", flush=True)
    return holds


def run_logged(command: list[str | Path], settings: dict[str, str], log: Path) -> int:
    """The exit code; lines of checks are shown as they come."""
    process = subprocess.Popen(
        command, env=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    deadline = threading.Timer(CLIENT_S, process.kill)
    deadline.start()
    try:
        with log.open("w") as kept:
            for line in process.stdout or ():
                kept.write(line)
                if line.startswith(CHECK_LINES):
                    print(line, end="", flush=True)
        return process.wait()
    finally:
        deadline.cancel()
        process.kill()


def prints_as_told(script: Path, log: Path, fresh: bool) -> bool:
    wanted = re.findall(r"(?m)^ *print\(.*\)  # (.+)$", script.read_text())
    told = [line for line in log.read_text().splitlines() if line in wanted]
    holds = bool(wanted) and (told == wanted or not fresh)
    print(f"  ok   prints {'; '.join(told)}" if holds else f"  FAIL prints {told}, not {wanted}", flush=True)
    return holds


def settings_of_clients(url: str, key: str) -> dict[str, str]:
    """The environment of every client: each is told where the service is in its own way, and nothing else."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return kept | {
        "PYTHONPATH": f"{HERE}{os.pathsep}{HERE / 'offline'}",
        "PYTHONUNBUFFERED": "1",
        "SPANSTATS_URL": url,
        "SPANSTATS_API_KEY": key,
        "PAREA_BASE_URL": f"{url}/api/parea/v1",
        "PAREA_API_KEY": key,
        "RESPAN_BASE_URL": f"{url}/api",
        "RESPAN_API_KEY": key,
        "KEYWORDSAI_BASE_URL": f"{url}/api",
        "KEYWORDSAI_API_KEY": key,
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"{url}/api",
        "OTEL_EXPORTER_OTLP_HEADERS": f"x-api-key={key}",
    }


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # through the server's end
    sys.exit(main(sys.argv[1:]))
