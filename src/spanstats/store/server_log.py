"""Why the embedded server did not start, from what it wrote."""

from pathlib import Path

START_LOG = "postgres-start.log"
"""What the server writes before its own log begins, in the data directory of the service."""


def last_words(directory: Path, data: Path) -> str:
    """After a colon the last line of the server's logs that says why it ended; empty where none does."""
    texts = [_tail(directory / START_LOG)]
    logs = sorted((data / "log").glob("*.log"), key=lambda file: file.stat().st_mtime)
    texts += [_tail(file) for file in logs[-1:]]
    fatal = [line for text in texts for line in text.splitlines() if "FATAL" in line or "PANIC" in line]
    return f": {fatal[-1].partition('FATAL:')[2].strip() or fatal[-1]}" if fatal else ""


def _tail(file: Path) -> str:
    try:
        return file.read_text(errors="replace")[-10_000:]
    except OSError:
        return ""
