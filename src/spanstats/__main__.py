"""The command `spanstats`, also as `python -m spanstats`."""

import os
import signal
import sys
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def _code(number: int) -> int:
    """`serve` ends well when it is stopped; a command that is cut short has not done what it was to do."""
    return 0 if sys.argv[1:2] == ["serve"] else 128 + number


def _end(number: int, _frame: FrameType | None) -> None:
    # Nothing is there yet that would have to be left in order.
    os._exit(_code(number))


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(_code(number))


# The kernel keeps from the first process of a container every signal that it has no handler for, and the imports of the
# service take a second.
for name in SIGNALS:
    signal.signal(name, _end)

from .cli import main  # noqa: E402

# A command that is ended leaves through its `finally` blocks, so that its database is stopped. So does `serve`, once it
# has imported the service (`stopping.py`).
if sys.argv[1:2] != ["serve"]:
    for name in SIGNALS:
        signal.signal(name, _leave)

__all__ = ["main"]

if __name__ == "__main__":
    main()
