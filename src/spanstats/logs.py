"""Logs on standard error: one line of text, or one JSON object, for each event; control characters are escaped.

Events of a request carry its id and, where it is traced, that of its trace. Fields that an event has
(`extra={"fields": ...}`) are members of its JSON object. Of warnings that are alike only some are written (`Seldom`):
an outage fails every request, and must not fill a disk as well.
"""

import json
import logging
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from .api.observation import REQUEST_ID
from .errors import Unavailable
from .tracing import REQUEST

_MAX_FRAMES, _MAX_CAUSES = 12, 4
_ESCAPED = {c: f"\\x{c:02x}" for c in (*range(32), 127, *range(128, 160), 0x2028, 0x2029)}


def configure(level: str, layout: str) -> None:
    """Send everything to standard error from `level` up; `layout` is `text` or `json`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if layout == "json" else _Text())
    handler.addFilter(Seldom())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Alembic logs each of its steps; SQL of the pool is of no interest.
    for noisy in ("alembic", "sqlalchemy", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class Seldom(logging.Filter):
    """Of warnings and outages that are alike, one in `every_s` seconds passes, with the number of the others.

    Alike is what has the same `extra={"alike": ...}`, else the same outage as its cause, else the same text before
    values are put into it. All other errors pass: each is a fault to be looked at.
    """

    def __init__(self, every_s: float = 10, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._every_s = every_s
        self._clock = clock
        self._last: dict[tuple[str, str], tuple[float, int]] = {}
        """(logger, alike) -> (when one passed, how many did not since)."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written: not a warning that is like one that was written shortly before."""
        alike = _alike(record)
        if alike is None:
            return True
        now, key = self._clock(), (record.name, alike)
        passed, held_back = self._last.get(key, (-self._every_s, 0))
        if now - passed < self._every_s:
            self._last[key] = passed, held_back + 1
            return False
        self._last[key] = now, 0
        if held_back:
            record.msg = f"{record.getMessage()} (and {held_back} times more in {now - passed:.0f} s)"
            record.args = ()
        return True


def _alike(record: logging.LogRecord) -> str | None:
    text: str | None = getattr(record, "alike", None)
    if text is not None:
        return text
    cause = record.exc_info[1] if record.exc_info else None
    if isinstance(cause, Unavailable):
        return str(cause)
    return str(record.msg) if record.levelno == logging.WARNING else None


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = f"{_time(record)} {record.levelname.lower()} {_message(record)}"
        if (request_id := REQUEST_ID.get()) is not None:
            line += f" request_id={request_id}"
        if (trace_id := REQUEST.get().trace_id) is not None:
            line += f" trace_id={trace_id}"
        return line if not record.exc_info else f"{line} {_fault(record)}"


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        event = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (request_id := REQUEST_ID.get()) is not None:
            event["request_id"] = request_id
        if (trace_id := REQUEST.get().trace_id) is not None:
            event["trace_id"] = trace_id
        event |= getattr(record, "fields", {})
        if record.exc_info:
            event["exception"] = _fault(record)
        return json.dumps(event)


def _message(record: logging.LogRecord) -> str:
    return record.getMessage().translate(_ESCAPED)


def _fault(record: logging.LogRecord) -> str:
    """The error's class and where it came through, innermost first; what it says may hold what a client sent."""
    error = record.exc_info[1] if record.exc_info else None
    causes = []
    while error is not None:
        frames = [f"{Path(f.f_code.co_filename).stem}:{line}" for f, line in traceback.walk_tb(error.__traceback__)]
        causes.append(f"{type(error).__name__} at {' < '.join(frames[: -_MAX_FRAMES - 1 : -1])}")
        error = error.__cause__ if len(causes) < _MAX_CAUSES else None
    return " because of ".join(causes)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
