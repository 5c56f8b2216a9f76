"""Another version of the program, ready to run beside this one."""

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Version:
    """What a version is called, the interpreter that runs it, and the variables that make it import this version."""

    name: str
    python: Path
    environment: dict[str, str] = field(default_factory=dict)


def this_version() -> Version:
    """The tree that this file is part of, as it is."""
    changed = "" if _git("status", "--porcelain", "--", "src", "migrations") == "" else " with changes"
    return Version(commit_of("HEAD") + changed, Path(sys.executable))


def commit_of(revision: str) -> str:
    """Its short name. Raises `CalledProcessError` where there is no such revision."""
    return _git("rev-parse", "--short", "--verify", f"{revision}^{{commit}}")


def check_out(revision: str, scratch: Path) -> Version:
    """The revision's files, kept in `scratch` by the commit's name.

    This interpreter runs it, so that both versions use the same files of Python, libraries and PostgreSQL: the same
    code took 7 to 8 % more from one environment than from another. A revision with other requirements has its own.
    """
    commit = commit_of(revision)
    home = scratch / commit
    if not (home / "src").exists():
        home.mkdir(parents=True, exist_ok=True)
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout  # noqa: S603, S607
        subprocess.run(["tar", "-x"], cwd=home, input=archive, check=True)  # noqa: S607
    if _requirements(home) <= _requirements(ROOT):
        return Version(commit, Path(sys.executable), {"PYTHONPATH": str(home / "src")})
    return Version(commit, _environment(home))


def _requirements(home: Path) -> set[str]:
    """The pinned lines."""
    return {line for line in (home / "requirements.txt").read_text().splitlines() if "==" in line}


def _environment(home: Path) -> Path:
    """The interpreter of an environment with what the revision requires, made once."""
    python = home / ".venv/bin/python"
    if not (home / ".ready").exists():
        subprocess.run([sys.executable, "-m", "venv", home / ".venv"], check=True)  # noqa: S603
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", "requirements.txt"], cwd=home, check=True)  # noqa: S603
        subprocess.run([*pip, "--no-deps", "--editable", "."], cwd=home, check=True)  # noqa: S603
        (home / ".ready").touch()
    return python


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603, S607
