"""A migrated data directory of the embedded server, which tests copy: to make one takes many times as long.

What shows that it is made as it should be begins without: `tests/test_cli.py` and `tests/store/test_embedded.py`.
"""

import atexit
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

from spanstats.store.embedded import EmbeddedServer
from spanstats.store.schema import migrate

from .services import data


@pytest.fixture
def prepared(environment: dict[str, str]) -> None:
    """The first service of the test has its database already."""
    prepare(data(environment))


def prepare(directory: Path) -> None:
    """Put the database into this data directory, which need not exist."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    subprocess.run(["/bin/cp", "-a", _made() / "postgres", directory], check=True)


@cache
def _made() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="spanstats-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    server = EmbeddedServer(directory)
    server.start()
    try:
        migrate(server.url())
    finally:
        server.stop()
    return directory
