"""PostgreSQL servers of a test's own beside the one that all tests share: primaries, standbys, odd configurations."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from spanstats.store import cluster
from spanstats.store.account import account, as_account

from .services import free_port

QUICK = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off", "shared_buffers": "32MB"}


@dataclass
class Server:
    """A server that listens on 127.0.0.1 and in `directory`, where its data is as well. Stopped or started."""

    directory: Path
    binaries: Path = cluster.BINARIES
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self, **settings: str) -> None:
        lines = QUICK | {"port": str(self.port), "unix_socket_directories": f"'{self.directory}'"} | settings
        with (self.directory / "data" / "postgresql.auto.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in lines.items())
        self.run("pg_ctl", "-w", "-l", str(self.directory / "log"), "start")

    def stop(self, how: str = "fast") -> None:
        self.run("pg_ctl", "-w", "-m", how, "stop")

    def promote(self) -> None:
        self.run("pg_ctl", "-w", "promote")

    def run(self, command: str, *arguments: str) -> None:
        _run(self.binaries / command, "-D", str(self.directory / "data"), *arguments)


@contextmanager
def servers(count: int = 1, binaries: Path = cluster.BINARIES) -> Iterator[list[Server]]:
    """Servers that are not started and whose data is still to be made; what is left of them is stopped at the end."""
    owner = account()
    all_servers = []
    for _ in range(count):
        directory = Path(tempfile.mkdtemp(prefix="spanstats-"))
        shutil.chown(directory, owner.uid, owner.gid)
        all_servers.append(Server(directory, binaries))
    try:
        yield all_servers
    finally:
        for server in all_servers:
            with suppress(subprocess.CalledProcessError):
                server.stop("immediate")
            shutil.rmtree(server.directory, ignore_errors=True)


@contextmanager
def primary_and_standby() -> Iterator[tuple[Server, Server]]:
    """Two servers that run; the second follows the first and answers reads."""
    with servers(2) as (primary, standby):
        initialise(primary)
        primary.start()
        follow(standby, primary)
        standby.start()
        yield primary, standby


def initialise(server: Server) -> None:
    server.run("initdb", "-U", "postgres", "--encoding=UTF8", "--locale=C", "--auth=trust", "--no-sync")


def follow(standby: Server, primary: Server) -> None:
    """Fill the standby with a copy of the primary, from which it goes on by replication."""
    shutil.rmtree(standby.directory / "data", ignore_errors=True)
    standby.run("pg_basebackup", "--write-recovery-conf", "--checkpoint=fast", "--no-sync", f"--dbname={primary.url}")


def _run(command: Path, *arguments: str) -> None:
    subprocess.run(
        [command, *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=cluster.ENVIRONMENT,
        cwd="/",
        **as_account(account()),
    )
