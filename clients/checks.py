"""What every flow does with its findings: one line for each check, and exit code 1 if one failed."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, NoReturn


class Checks:
    """The checks of one flow, counted."""

    def __init__(self) -> None:
        self._done = 0
        self._failed = 0
        self._started = time.monotonic()

    def that(self, what: str, holds: bool, found: str = "") -> None:
        """One check, printed with its number and the seconds since the flow began."""
        self._done += 1
        self._failed += not holds
        seconds = time.monotonic() - self._started
        told = "" if holds or not found else f": {found}"
        print(f"  {'ok  ' if holds else 'FAIL'} {self._done:3} {seconds:6.1f} s  {what}{told}", flush=True)

    def equal(self, what: str, got: Any, expected: Any) -> None:
        """Exactly equal, types of numbers aside."""
        self.that(what, got == expected, f"got {got!r}, expected {expected!r}")

    def near(self, what: str, got: float | None, expected: float | Decimal, tolerance: float = 1e-12) -> None:
        """Equal but for what a double cannot hold; null is never near."""
        holds = got is not None and abs(Decimal(repr(got)) - Decimal(expected)) <= Decimal(tolerance)
        self.that(what, holds, f"got {got!r}, expected {expected}")

    @contextmanager
    def raises(self, what: str, error: type[Exception]) -> Iterator[list[Exception]]:
        """The block raises exactly this error, which is then the only item of the list."""
        caught: list[Exception] = []
        try:
            yield caught
        except error as raised:
            caught.append(raised)
        except Exception as raised:
            self.that(what, holds=False, found=f"raised {raised!r}")
            return
        self.that(what, bool(caught), "raised nothing")

    def finish(self) -> NoReturn:
        """End the script."""
        held = self._done - self._failed
        print(f"  {'ok  ' if held == self._done else 'FAIL'} {held} of {self._done} checks hold", flush=True)
        sys.exit(self._failed > 0 or not self._done)
