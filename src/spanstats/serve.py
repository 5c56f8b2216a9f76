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

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE

from . import database, logs, stopping
from .allocator import keep_freed_memory
from .errors import StartError
from .first_key import first_key
from .http1 import Http1
from .listening import bound, listen
from .main import create_app, tracing_of
from .metrics import DIRECTORY
from .migrating import check_schema, migrate
from .settings import PREFIX, Settings, load, misspelt
from .sharding import migrate_shards
from .store.account import EmbeddedServerError
from .store.embedded import EmbeddedServer
from .supervising import Workers
from .welcome import welcome

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
    listener = opened.enter_context(bound(settings.host, settings.port))
    server = EmbeddedServer(settings.data_dir) if settings.database_url is None else None
    if server is not None:
        _claim(server)
    addresses = opened.enter_context(database.opened(settings, server))
    migrate(addresses.direct)
    check_schema(addresses.direct)
    migrate_shards(settings, addresses.direct, may_be_away=True)
    os.environ[PREFIX + "DATABASE_URL"] = addresses.url
    os.environ[PREFIX + "DATABASE_DIRECT_URL"] = addresses.direct
    key = asyncio.run(first_key(settings, addresses.direct))
    opened.enter_context(_watched(server))
    listen(listener, settings)
    print(welcome(settings, listener.getsockname()[1], key), flush=True)
    return listener


def application() -> FastAPI:
    """The application of one worker, which drains and ends when its parent is gone.

    The parent has seen that the database is fit to serve. A worker that replaces one that died, even in an outage,
    answers as the others do: a start that fails ends the service.
    """
    settings = load()
    logs.configure(settings.log_level, settings.log_format)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    keep_freed_memory()
    app = create_app(settings, is_checked=True)
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
    workers = Workers(config, sockets=[listener])
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
