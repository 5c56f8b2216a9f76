"""One row of a table of names."""

from enum import IntEnum
from typing import NamedTuple


class Cached(IntEnum):
    """Whether the count of input tokens that comes with a count of cached tokens includes them."""

    INSIDE = 0
    """The input includes them (OpenAI's API, the conventions of OpenTelemetry)."""
    BESIDE = 1
    """The input excludes them (the APIs of Anthropic and Bedrock)."""
    AS_VENDOR = 2
    """The instrumentation hands on what the vendor of the model counts."""
    AS_INPUT = 3
    """Beside an `input_tokens` (Anthropic's API), inside `prompt_tokens` (litellm, which adds them)."""


class Name(NamedTuple):
    """`unit` is empty for tokens; else `s`, `ms`, `USD`, `time` (ISO 8601) or `text`."""

    name: str
    source: str
    unit: str = ""
    cached: Cached = Cached.INSIDE
    is_beside: bool = False
    """Of reasoning and audio tokens: whether the input or output that comes with them excludes them."""


Table = dict[str, tuple[Name, ...]]
"""The rows of each field, the one that wins first."""
