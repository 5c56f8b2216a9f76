"""The parent of the service: it alone starts, watches and stops the embedded server, and runs the workers."""

import asyncio
import gc
import logging
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from . import database, logs, stopping
from .allocator import keep_freed_memory
from .catalog import keys
from .catalog.keys import Placing
from .domain.shards import FIRST
from .errors import StartError
from .http1 import Http1
from .main import create_app, tracing_of
from .metrics import DIRECTORY
from .migrating import check_schema, migrate
from .settings import PREFIX, Settings, load, misspelt
from .sharding import migrate_shards
from .store.cluster import EmbeddedServerError
from .store.embedded import EmbeddedServer
from .store.session import Database, create_engine
from .welcome import Key, welcome

logger = logging.getLogger(__name__)

_WATCH_S = 0.5
# Longer than clients and proxies keep an idle connection, so that theirs is the one that ends it.
_KEEP_ALIVE_S = 75
# Requests make little that only the collector can free: looking seldom, and never at what was imported, costs less.
_COLLECT_EVERY = 20_000


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises `StartError`, and `SystemExit` where a worker cannot start."""
    logs.configure(settings.log_level, settings.log_format)
    stopping.exit_on_signals()
    try:
        with ExitStack() as opened:
            with stopping.starting():
                listener = _started(settings, opened)
            with _metrics_shared(settings.workers):
                _serve(listener, settings)
    except SystemExit as end:
        if end.code == 0 and stopping.was_requested():
            # All is left in order, but for threads that may wait for a name server still.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
        raise


def _started(settings: Settings, opened: ExitStack) -> socket.socket:
    """The socket to serve on, of a service whose database is ready; `opened` closes what was opened.

    Raises `StartError`.
    """
    for line in misspelt():
        logger.warning("%s", line)
    # What is wrong with it is reported here, in one line, and not by every worker.
    tracing_of(settings).stop()
    listener = opened.enter_context(_bound(settings.host, settings.port))
    server = EmbeddedServer(settings.data_dir) if settings.database_url is None else None
    if server is not None:
        _claim(server)
    addresses = opened.enter_context(database.opened(settings, server))
    migrate(addresses.direct)
    check_schema(addresses.direct)
    migrate_shards(settings, addresses.direct, may_be_away=True)
    os.environ[PREFIX + "DATABASE_URL"] = addresses.url
    os.environ[PREFIX + "DATABASE_DIRECT_URL"] = addresses.direct
    key = asyncio.run(_first_key(settings, addresses.direct))
    opened.enter_context(_watched(server))
    _listen(listener, settings)
    print(welcome(settings, listener.getsockname()[1], key), flush=True)
    return listener


def application() -> FastAPI:
    """The application of one worker, which drains and ends when its parent is gone."""
    settings = load()
    logs.configure(settings.log_level, settings.log_format)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    keep_freed_memory()
    app = create_app(settings)
    gc.freeze()
    gc.set_threshold(_COLLECT_EVERY)
    return app


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def _serve(listener: socket.socket, settings: Settings) -> None:
    config = uvicorn.Config(
        "spanstats.serve:application",
        factory=True,
        workers=settings.workers,
        loop="uvloop",
        http=Http1,
        ws="none",
        log_config=None,
        # Ours says less of a request, and more of its answer (`SPANSTATS_ACCESS_LOG`).
        access_log=False,
        server_header=False,
        forwarded_allow_ips="*" if "*" in settings.trusted_proxies else list(settings.trusted_proxies),
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=int(settings.grace_period_s) or 1,
        timeout_worker_healthcheck=30,
    )
    if settings.workers == 1:
        uvicorn.Server(config).run(sockets=[listener])
        return
    workers = Multiprocess(config, sockets=[listener])
    workers.run()
    if any(worker.exitcode == STARTUP_FAILURE for worker in workers.processes):
        sys.exit(STARTUP_FAILURE)


@contextmanager
def _metrics_shared(workers: int) -> Iterator[None]:
    """A directory in which several workers put their metrics together."""
    if workers == 1 or DIRECTORY in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="spanstats-metrics-", ignore_cleanup_errors=True) as directory:
        os.environ[DIRECTORY] = directory
        try:
            yield
        finally:
            del os.environ[DIRECTORY]


@contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise _not_ours(host, port, error) from error
    with listener:
        yield listener


def _listen(listener: socket.socket, settings: Settings) -> None:
    # Only now: before that no request waits here for a database that is still starting.
    try:
        listener.listen(2048)
    except OSError as error:
        raise _not_ours(settings.host, settings.port, error) from error


def _not_ours(host: str, port: int, error: OSError) -> StartError:
    return StartError(
        f"cannot listen on {host} port {port} ({error.strerror}): choose another: --host, --port or SPANSTATS_PORT"
    )


def _claim(server: EmbeddedServer) -> None:
    try:
        with database.usable_directory():
            server.claim()
    except EmbeddedServerError as error:
        raise StartError(str(error)) from error


@contextmanager
def _watched(server: EmbeddedServer | None) -> Iterator[None]:
    """Start the embedded server again whenever it dies."""
    if server is None:
        yield
        return
    done = threading.Event()
    watch = threading.Thread(target=_watch, args=(server, done), daemon=True)
    watch.start()
    try:
        yield
    finally:
        done.set()
        watch.join()


def _watch(server: EmbeddedServer, done: threading.Event) -> None:
    while not done.wait(_WATCH_S):
        if server.alive():
            continue
        logger.warning("PostgreSQL is gone, starting it again")
        try:
            server.start()
            logger.warning("PostgreSQL is back")
        except (EmbeddedServerError, OSError) as error:
            # The cause (a full disk) may go away; until then requests are answered with 503.
            logger.error("%s", error, extra={"alike": "start"})


async def _first_key(settings: Settings, url: str) -> Key:
    """The key that the settings name, the one that an earlier start made, or a new one where there is none at all."""
    database = Database(create_engine(url))
    placing = Placing((FIRST, *(shard.name for shard in settings.shards)))
    file = settings.data_dir.expanduser().resolve() / "api_key"
    try:
        if settings.api_key is not None:
            plain, path = settings.api_key.get_secret_value(), None
        elif file.exists():
            plain, path = file.read_text().strip(), file
        elif await keys.list_keys(database):
            return Key(None, None, usable=True)
        else:
            plain, path = _keep(keys.generate(), file), None
            await keys.ensure(database, plain, placing=placing)
            return Key(plain, file, usable=True)
        await keys.ensure(database, plain, placing=placing)
        return Key(None, path, usable=await keys.find(database, plain) is not None)
    finally:
        await database.dispose()


def _keep(plain: str, file: Path) -> str:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
        out.write(plain + "\n")
    return plain
