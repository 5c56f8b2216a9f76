"""Keep what tests store in memory where there is room for it: to copy databases on a disk is most of what they cost."""

import os
import shutil
import tempfile
from pathlib import Path

IN_MEMORY = Path("/dev/shm")  # noqa: S108
_ROOT = "PYTEST_DEBUG_TEMPROOT"
NEEDED_BYTES = 4 * 2**30
"""What all processes of `make test` hold at once is less than half of this."""


def store_in_memory() -> None:
    """Have temporary files and servers of this process and its children in memory, unless TMPDIR names a folder."""
    if "TMPDIR" not in os.environ and _has_room(IN_MEMORY):
        os.environ["TMPDIR"] = str(IN_MEMORY)
        tempfile.tempdir = None


def own_folder() -> str | None:
    """A new folder for all that the tests of this run store; `None` in a worker, which has that of the run.

    Each run of pytest takes the rights of others from the folder that all runs share (`pytest-of-root`), while servers
    of another run, which do not run as root, have their data in it.
    """
    if _ROOT in os.environ:
        return None
    os.environ[_ROOT] = tempfile.mkdtemp(prefix="spanstats-tests-")
    return os.environ[_ROOT]


def _has_room(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK) and shutil.disk_usage(folder).free > NEEDED_BYTES
