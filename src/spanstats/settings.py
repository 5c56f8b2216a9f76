"""Settings: environment variables with the prefix SPANSTATS_, read by composition root and command line alone."""

import os
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from .domain.shards import FIRST
from .setting_values import NamedUrl, collector_url, is_network, named_url
from .store import addresses

PREFIX = "SPANSTATS_"
MEBIBYTE = 1024 * 1024

Count = Annotated[int, Field(ge=1, le=2**31 - 1)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class SettingsError(Exception):
    """Some settings are wrong: one line each, naming the variable."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class Settings(BaseSettings):
    """All settings; the descriptions are the documentation."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, hide_input_in_errors=True, frozen=True)

    database_url: SecretStr | None = Field(
        None, description="PostgreSQL, as `postgresql://user:password@host:port/name`. Unset: the embedded server."
    )
    database_pooler: Literal["session", "transaction"] | None = Field(
        None,
        description="For how long a connection pooler at that address lends a server: PgBouncer's `pool_mode`. Unset: "
        "the start finds out.",
    )
    database_direct_url: SecretStr | None = Field(
        None,
        description="Address of the database without the pooler, for migrations, commands and background work. Needed "
        "if the pooler lends a server for one `transaction`.",
    )
    shards: Annotated[tuple[NamedUrl, ...], NoDecode] = Field(
        (),
        description="Further databases, as `NAME=postgresql://...` separated by blanks; each tenant lives in one of "
        "them, or in the first. A database with tenants must stay in the list.",
    )
    read_urls: Annotated[tuple[NamedUrl, ...], NoDecode] = Field(
        (),
        description="Hot standbys of the database, or as `NAME=postgresql://...` of a shard, separated by blanks: "
        "they answer requests that only read, and such a read has all writes that were acknowledged before it. Unset: "
        "the databases themselves answer.",
    )
    read_wait_s: Seconds = Field(
        0.5, description="Seconds that a read waits until a standby has all earlier writes; then the primary answers."
    )
    data_dir: Path = Field(Path(".spanstats"), description="Directory of the embedded server and of a generated key.")
    api_key: SecretStr | None = Field(
        None,
        description="API key of tenant `default`, created at the start if it is new. Unset: one is generated once.",
    )

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    workers: int = Field(1, ge=1, le=256, description="Processes that answer requests.")
    root_path: str = Field("", description="Path under which a proxy serves this service, such as `/spanstats`.")
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        ("127.0.0.1", "::1"),
        description="Addresses and networks of proxies, separated by commas, whose `X-Forwarded-For` and "
        "`X-Forwarded-Proto` name the client's address and scheme; `*` for all.",
    )
    ui: bool = Field(True, description="Whether the page for people answers, at `/ui/`.")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins whose web pages may call the service, separated by commas; `*` for all."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_format: Literal["text", "json"] = Field("text", description="A line of text or a JSON object for each event.")
    access_log: bool = Field(
        False, description="A line for every request: method, route, status, duration, tenant, request id."
    )
    metrics: bool = Field(True, description="Whether `/metrics` answers, to anyone; it holds no tenant's data.")
    tracing_endpoint: str | None = Field(
        None,
        description="Collector that gets OpenTelemetry spans of the service's own work, over HTTP: "
        "`http://collector:4318/v1/traces`. Needs `spanstats[tracing]`. Unset: nothing is traced.",
    )
    grace_period_s: Seconds = Field(30, description="Seconds that requests have to finish after a stop signal.")

    pool_size: int = Field(
        10,
        ge=2,
        le=1000,
        description="Database connections of each worker; it has 2 more for ingest and 8 for background work.",
    )
    pool_timeout_s: Seconds = Field(5, description="Seconds that a request waits for a free connection, then 503.")
    connect_timeout_s: Seconds = Field(5, description="Seconds to connect to the database.")
    connection_life_s: Seconds = Field(
        3600, description="Seconds after which a connection to the database is replaced by a new one."
    )
    database_wait_s: Seconds = Field(
        60, description="Seconds that the start waits for a database that is not there yet."
    )
    read_timeout_s: Seconds = Field(10, description="Seconds that one statement of a read may take.")
    write_timeout_s: Seconds = Field(10, description="Seconds that one statement of a write may take.")
    stats_stream_timeout_s: Seconds = Field(60, description="Seconds that a streamed stats answer may take in all.")

    column_cache_bytes: int = Field(
        192 * 2**20, ge=2**20, description="Memory of each worker for columns of traces, which filtered summaries read."
    )
    question_bytes: int = Field(
        256 * 2**20,
        ge=2**20,
        description=(
            "Memory of each worker for the columns of the questions that it is answering; one that needs more is a 503 "
            "that says so."
        ),
    )

    retention_days: float | None = Field(
        None, gt=0, le=36_500, description="Days after its start when a trace is erased for good. Unset: all are kept."
    )

    pack_after_hours: float | None = Field(
        24,
        gt=0,
        le=876_000,
        description="Hours after its start when a trace is packed into fewer bytes. Empty: none is.",
    )

    max_body_bytes: Count = Field(20 * MEBIBYTE, description="Largest body, compressed and decompressed (413).")
    body_wait_s: Seconds = Field(30, description="Seconds that a request waits for each part of its body, then 408.")
    max_spans_per_request: Count = Field(10_000, description="Most spans in one request (413).")
    max_bulk_spans: Count = Field(500, description="Most spans in one bulk request of Respan's API (400).")
    max_spans_per_trace: Count = Field(100_000, description="Most spans of one trace (400, Parea 422).")
    max_scores_per_span: int = Field(100, ge=1, le=100, description="Most scores of one Parea log, at most 100 (422).")
    max_json_depth: int = Field(64, ge=8, le=64, description="Most levels of JSON, at most 64 (400, Parea 422).")
    max_page_size: Count = Field(1_000, description="Most entries on one page of a Respan list (400).")
    requests_per_second: Annotated[float, Field(gt=0, le=1_000_000)] | None = Field(
        None, description="Requests a second of one tenant to one worker, then 429. Unset: no limit."
    )
    queue_spans: Count = Field(20_000, description="Spans that may wait to be written, per worker.")
    queue_bytes: Count = Field(
        64 * MEBIBYTE,
        description="Bytes of requests that may wait to be written, and of long ones that wait to be read, per worker.",
    )
    queue_wait_s: Seconds = Field(5, description="Seconds that a request waits for room in the queue, then 503.")
    max_filter_conditions: Count = Field(100, description="Most conditions in a filter (400).")
    max_filter_nesting: Count = Field(5, description="Most levels of bundles in a filter (400).")
    max_filter_items: Count = Field(1_000, description="Most items in one list of a filter (400).")
    max_compared_traces: Count = Field(
        500_000, description="Most traces of one arm of a comparison that pairs items (400)."
    )

    @field_validator("database_url", "database_direct_url")
    @classmethod
    def _as_libpq_reads_it(cls, value: SecretStr | None) -> SecretStr | None:
        return None if value is None else SecretStr(addresses.parse(value.get_secret_value(), os.environ).url())

    @field_validator("shards", "read_urls", mode="before")
    @classmethod
    def _each_as_libpq_reads_it(cls, value: object) -> object:
        return tuple(named_url(text) for text in value.split()) if isinstance(value, str) else value

    @field_validator("shards")
    @classmethod
    def _have_names(cls, value: tuple[NamedUrl, ...]) -> tuple[NamedUrl, ...]:
        names = [shard.name for shard in value]
        if FIRST in names:
            raise ValueError("each must be NAME=postgresql://..., where NAME is not `first`")
        if len(set(names)) < len(names):
            raise ValueError("names a shard twice")
        return value

    @field_validator("read_urls")
    @classmethod
    def _are_of_known_shards(cls, value: tuple[NamedUrl, ...], info: ValidationInfo) -> tuple[NamedUrl, ...]:
        unknown = {url.name for url in value} - {FIRST, *(shard.name for shard in info.data.get("shards", ()))}
        if unknown:
            raise ValueError(f"{min(unknown)} is none of SPANSTATS_SHARDS")
        return value

    @field_validator("api_key")
    @classmethod
    def _fits_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not all("!" <= c <= "~" for c in value.get_secret_value()):
            raise ValueError("must be printable ASCII without spaces")
        return value

    @field_validator("cors_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(part == "*" or is_network(part) for part in value):
            raise ValueError("must be addresses or networks, such as 10.0.0.7 or 10.0.0.0/8")
        return value

    @field_validator("root_path")
    @classmethod
    def _absolute(cls, value: str) -> str:
        if value and not value.startswith("/"):
            raise ValueError("must begin with /")
        return value.rstrip("/")

    @field_validator("tracing_endpoint")
    @classmethod
    def _takes_spans(cls, value: str | None) -> str | None:
        return None if value is None else collector_url(value)


def load(**values: Any) -> Settings:
    """The settings of this process's environment; `values` override them. Raises `SettingsError`."""
    try:
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError(
            [
                f"{_variable(e['loc'])}: {e['msg'].removeprefix('Value error, ')}"
                for e in error.errors(include_url=False)
            ]
        ) from None


# So alike that it cannot be the name of something else.
_ALIKE = 0.9


def misspelt() -> list[str]:
    """A line for each variable of the environment that is no setting, but almost."""
    variables = [_variable((name,)) for name in Settings.model_fields]
    others = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in variables)
    neighbours = [(name, get_close_matches(name, variables, 1, _ALIKE)) for name in others]
    return [f"{name} is no setting and changes nothing: {near[0]} is one" for name, near in neighbours if near]


def _variable(location: tuple[int | str, ...]) -> str:
    return PREFIX + str(location[0]).upper()
