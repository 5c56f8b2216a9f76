"""PgBouncer before a server, where it is installed."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from spanstats.store.account import account, as_account

from .conftest import run_sql
from .services import free_port

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")

# Servers are few and soon replaced, so that every client is lent another one all the time.
_CONFIGURATION = """
[databases]
* = host=127.0.0.1 port={target} pool_size={size}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {users}
pool_mode = {mode}
server_lifetime = {life}
server_login_retry = 1
query_wait_timeout = 5
"""


class Pooler(NamedTuple):
    process: subprocess.Popen[bytes]
    port: int

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"


@contextmanager
def pooling(
    place: Path, target: int, mode: str, port: int | None = None, life: int = 1, size: int = 3
) -> Iterator[Pooler]:
    assert PGBOUNCER is not None
    port, owner = port or free_port(), account()
    file = place / f"pgbouncer{port}.ini"
    users = place / "users.txt"
    users.write_text('"postgres" ""\n')
    file.write_text(_CONFIGURATION.format(target=target, port=port, life=life, size=size, mode=mode, users=users))
    for path in (file, users):
        path.chmod(0o644)
    for folder in (place, *place.parents[:-2]):
        folder.chmod(folder.stat().st_mode | 0o011)
    process = subprocess.Popen(
        [PGBOUNCER, "-q", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_account(owner)
    )
    pooler = Pooler(process, port)
    try:
        _wait_until_up(pooler)
        yield pooler
    finally:
        process.terminate()
        process.wait(10)


def _wait_until_up(pooler: Pooler) -> None:
    for _ in range(100):
        assert pooler.process.poll() is None
        try:
            run_sql(pooler.url, "SELECT 1")
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("pgbouncer does not come up")
