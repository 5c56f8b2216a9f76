"""The operating-system user that runs the embedded server, and the permissions that it needs.

PostgreSQL refuses to run as root. If this process is root, the server runs as the user `pgserver`, who owns the data
directory. The directories above it and above the binaries are opened for passing through (o+x), never for listing or
writing.
"""

import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SERVER_USER = "pgserver"


class EmbeddedServerError(Exception):
    """The embedded server cannot be made or run; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    """The operating-system user that the server runs as; `name` is `None` where it is the one running now."""

    name: str | None
    uid: int
    gid: int


def account() -> Account:
    """The user that the server runs as. If this process is root and there is no such user, it is created."""
    if os.geteuid() != 0:
        return Account(None, os.geteuid(), os.getegid())
    try:
        account_ = pwd.getpwnam(SERVER_USER)
    except KeyError:
        command = [
            "useradd",
            "--system",
            "--user-group",
            "--no-create-home",
            "--shell",
            "/usr/sbin/nologin",
            SERVER_USER,
        ]
        try:
            subprocess.run(command, check=True, capture_output=True)  # noqa: S603
        except (OSError, subprocess.CalledProcessError) as error:
            raise EmbeddedServerError(
                "PostgreSQL does not run as root, and no user for it could be made: run as an ordinary user"
            ) from error
        account_ = pwd.getpwnam(SERVER_USER)
    return Account(SERVER_USER, account_.pw_uid, account_.pw_gid)


def as_account(owner: Account) -> dict[str, Any]:
    """Arguments of `subprocess` that run a program as `owner`."""
    if owner.name is None:
        return {}
    return {"user": owner.uid, "group": owner.gid, "extra_groups": []}


def let_through(path: Path) -> None:
    """Open this directory and those above it for passing through."""
    for folder in (path, *path.parents):
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)


def let_read(tree: Path) -> None:
    """Undo a strict umask of the installation: what is there becomes readable, as wheels are meant to be."""
    for path in (tree, *tree.rglob("*")) if tree.exists() else ():
        mode = stat.S_IMODE(path.stat().st_mode)
        readable = mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
        if mode != readable:
            path.chmod(readable)
