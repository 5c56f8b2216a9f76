"""PostgreSQL's lock files: which server runs on a data directory, and in which state. Stale ones are removed."""

import socket
from pathlib import Path

import psutil

from .cluster import SOCKET_NAME


class Postmaster:
    """What `postmaster.pid` says: process id, data directory; socket directory on line 5, status on line 8."""

    def __init__(self, lines: list[str]) -> None:
        self.pid = int(lines[0])
        self.socket_directory = Path(lines[4])
        self.ready = len(lines) > 7 and lines[7].strip() == "ready"

    @classmethod
    def of(cls, data: Path) -> "Postmaster | None":
        """The server of this data directory, `None` where it was stopped; one that was killed may still be named."""
        try:
            lines = (data / "postmaster.pid").read_text().splitlines()
            # A data directory that was copied while its server ran names that server, which is not its own.
            return cls(lines) if len(lines) > 4 and Path(lines[1]) == data else None
        except (OSError, ValueError):
            return None

    def listening(self) -> bool:
        """Whether it takes connections; during recovery it does, and refuses them with a reason."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            try:
                connection.connect(str(self.socket_directory / SOCKET_NAME))
            except OSError:
                return False
        return True


def forget_stale(data: Path, socket_directory: Path) -> None:
    """Remove the lock files of a dead server whose process id another program has now (usual in containers).

    PostgreSQL itself would take that program for the server. It still refuses to start while the memory is in use.
    """
    for file in (data / "postmaster.pid", socket_directory / f"{SOCKET_NAME}.lock"):
        try:
            pid = int(file.read_text().split()[0])
        except (OSError, ValueError, IndexError):
            continue
        if psutil.pid_exists(pid) and not is_postmaster(pid, data):
            file.unlink(missing_ok=True)


def is_postmaster(pid: int, data: Path) -> bool:
    """Whether this process is the server of this data directory, and not a zombie."""
    try:
        process = psutil.Process(pid)
        return str(data) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
