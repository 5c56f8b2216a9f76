"""The command `spanstats`, also as `python -m spanstats`."""

import signal
import sys

# The kernel keeps from the first process of a container every signal that it has no handler for, and the imports below
# take a second. A command that is ended leaves through its `finally` blocks, so that its database is stopped.
signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit(128 + signal.SIGTERM))

from .cli import main  # noqa: E402

__all__ = ["main"]

if __name__ == "__main__":
    main()
