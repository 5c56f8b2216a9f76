"""What `serve` prints when it is up: address, key, a request to try, where the data is, how to stop."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from .settings import Settings
from .store.addresses import parse


@dataclass(frozen=True, slots=True)
class Key:
    """The key to begin with: its text (only when it was just made), the file that keeps it, and whether it works."""

    plain: str | None
    file: Path | None
    usable: bool


# "Any address" is none that a client can ask.
_LOCAL = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def welcome(settings: Settings, port: int, key: Key) -> str:
    """The text, of several lines."""
    host = _LOCAL.get(settings.host, settings.host)
    host = f"[{host}]" if ":" in host else host
    url = f"http://{host}:{port}{settings.root_path}"
    lines = [
        f"spanstats {version('spanstats')}",
        f"  URL      {url}  (reference: {url}/docs)",
        *([f"  Page     {url}/ui/"] if settings.ui else []),
        f"  API key  {_about(key)}",
        f"  Data     {_data(settings)}",
        f"  Try      {_try(url, key)}",
        "  Stop     Ctrl-C, or SIGTERM",
    ]
    return "\n".join(lines)


def _about(key: Key) -> str:
    if not key.usable:
        return "the configured one is revoked; make another: spanstats keys create NAME"
    if key.plain is not None:
        return f"{key.plain}  (shown this once, kept in {key.file})"
    if key.file is not None:
        return f"in {key.file}"
    return "as configured; make more: spanstats keys create NAME"


def _data(settings: Settings) -> str:
    if settings.database_url is None:
        return f"{settings.data_dir.expanduser().resolve()}  (embedded PostgreSQL)"
    address = parse(settings.database_url.get_secret_value())
    return f"postgresql://{address.user}@{address.host_and_name}"


def _try(url: str, key: Key) -> str:
    if key.plain is not None:
        shown = key.plain
    else:
        shown = f"$(cat {key.file})" if key.file is not None else "$SPANSTATS_API_KEY"
    header = f'-H "x-api-key: {shown}"'
    span = '{"trace_id": "1", "experiment_uuid": "first", "start_timestamp": "2025-01-01T00:00:00Z", "cost": 0.01}'
    return (
        f"curl {header} -H 'content-type: application/json' {url}/api/parea/v1/trace_log -d '{span}'\n"
        f"           curl {header} {url}/api/parea/v1/experiment/first/stats"
    )
