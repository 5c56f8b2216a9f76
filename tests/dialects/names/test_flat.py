"""Every row of the tables of names in the flat dialect: as a key of the span, and as a path into its `usage`."""

from typing import Any

import pytest

from spanstats.dialects.names.block_names import USAGE
from spanstats.dialects.names.row import Cached, Name
from spanstats.dialects.names.usage import COSTS, DETAILS, FIRST_TOKEN, TOKENS
from spanstats.dialects.respan.flat import read_flat
from spanstats.domain.span import Span
from spanstats.ingest.pricing import Prices

from .test_attributes import SENT_AS_300_MS, rows


def read(**keys: Any) -> Span:
    return read_flat({"trace_unique_id": "t", "span_unique_id": "s", "start_time": "2026-01-01T00:00:00Z", **keys})


def block(path: str, value: Any) -> dict[str, Any]:
    """An object with a value at a path."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def number(span: Span, field: str) -> Any:
    return getattr(span, field) if field in TOKENS else span.attributes.get(field)


def test_every_name_of_a_count_is_that_count() -> None:
    for field, row in rows(TOKENS, DETAILS):
        assert number(read(**{row.name: 7}), field) == 7, (field, row)
        assert number(read(**{row.name: "NaN"}), field) is None, (field, row)


@pytest.mark.parametrize("row", COSTS["cost_pd"], ids=str)
def test_every_name_of_a_cost_is_that_cost(row: Name) -> None:
    assert read(**{row.name: 0.25}).cost_pd == 250_000_000_000


@pytest.mark.parametrize("row", FIRST_TOKEN["ttft_us"], ids=str)
def test_every_name_of_the_first_token_is_read_in_its_unit(row: Name) -> None:
    assert read(**{row.name: SENT_AS_300_MS[row.unit]}).ttft_us == 300_000
    assert read(**{row.name: 0 if row.unit != "time" else ""}).ttft_us is None


COUNTS = [(f, r) for f, r in rows(USAGE) if f in TOKENS or f in DETAILS]


def test_every_path_of_a_block_is_that_count() -> None:
    for field, row in COUNTS:
        assert number(read(usage=block(row.name, 7)), field) == 7, (field, row)
        assert number(read(usage=block(row.name, None)), field) is None, (field, row)


@pytest.mark.parametrize(("field", "row"), [(f, r) for f, r in COUNTS if f.startswith("cache_")], ids=str)
@pytest.mark.parametrize(("prompt", "is_anthropics"), [("prompt_tokens", False), ("input_tokens", True)])
def test_whether_the_input_includes_cached_tokens_follows_from_the_path(
    field: str, row: Name, prompt: str, is_anthropics: bool
) -> None:
    usage = {prompt: 100, **block(row.name, 50)}
    beside = {
        Cached.INSIDE: False,
        Cached.BESIDE: True,
        Cached.AS_INPUT: is_anthropics,
        Cached.AS_VENDOR: True,
    }[row.cached]
    assert read(usage=usage, model="claude-sonnet-4-5").attributes.get("cached_beside_input", False) == beside
    if row.cached is Cached.AS_VENDOR:
        assert "cached_beside_input" not in read(usage=usage, model="gpt-4o-mini").attributes


def test_tokens_written_for_five_minutes_and_for_an_hour_add_up_where_no_sum_came() -> None:
    parts = {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100}
    span = read(usage={"input_tokens": 50, "cache_creation": parts})
    assert (span.cache_write_tokens, span.attributes["cache_write_1h_tokens"]) == (300, 100)
    assert read(usage={"cache_creation_input_tokens": 300, "cache_creation": parts}).cache_write_tokens == 300


GEMINI = {"promptTokenCount": 100, "candidatesTokenCount": 20, "thoughtsTokenCount": 50, "totalTokenCount": 170}
SNAKE = {"prompt_token_count": 100, "candidates_token_count": 20, "thoughts_token_count": 50}


def test_reasoning_beside_the_output_is_priced_as_output_and_tokens_are_answered_as_sent() -> None:
    output = {"prompt_tokens": 100, "completion_tokens": 20, "completion_tokens_details": {"reasoning_tokens": 50}}
    for beside in (GEMINI, SNAKE, output, {**output, "total_tokens": 170}):
        span = read(usage=beside, model="gemini-2.5-flash")
        assert (span.prompt_tokens, span.completion_tokens) == (100, 20)
        # 0.30 and 2.50 dollars for a million tokens: https://ai.google.dev/gemini-api/docs/pricing
        assert Prices().price(span) == 100 * 300_000 + (20 + 50) * 2_500_000
    for total in ({}, {"total_tokens": 170}):
        span = read(usage={**output, "completion_tokens": 70, **total}, model="gemini-2.5-flash")
        assert Prices().price(span) == 100 * 300_000 + 70 * 2_500_000


def test_a_total_of_zero_beside_tokens_is_not_known() -> None:
    for tokens in ({"prompt_tokens": 100}, {"completion_tokens": 100}):
        assert read(**tokens, total_tokens=0).total_tokens is None
        assert read(usage={**tokens, "total_tokens": 0}).total_tokens is None
    assert read(prompt_tokens=0, total_tokens=0).total_tokens == 0


@pytest.mark.parametrize(("tokens", "count"), [("{}_tokens_details", "token_count"), ("{}TokensDetails", "tokenCount")])
def test_gemini_lists_its_tokens_by_modality(tokens: str, count: str) -> None:
    parts = [{"modality": "TEXT", count: 40}, {"modality": "AUDIO", count: 60}, "odd", {}]
    span = read(usage={tokens.format("prompt"): parts, tokens.format("candidates"): parts[1:]})
    assert (span.attributes["input_audio_tokens"], span.attributes["output_audio_tokens"]) == (60, 60)


def test_usage_and_metadata_may_be_the_json_text_of_an_object() -> None:
    span = read(
        usage='{"prompt_tokens": 100, "completion_tokens": 20}', metadata='{"experiment_id": "e", "a": "\\u0000"}'
    )
    assert (span.prompt_tokens, span.completion_tokens, span.experiment_id) == (100, 20, "e")
    assert read(usage="many", metadata="[1]").metadata is None


def test_the_tier_of_a_call_is_kept() -> None:
    assert read(usage={"service_tier": "flex"}).attributes == {"service_tier": "flex"}
    assert read(service_tier="batch").attributes == {"service_tier": "batch"}


def test_own_keys_and_unit_prices_that_are_not_known_never_cost_the_span() -> None:
    keys = ("latency", "cost", "prompt_unit_price", "completion_unit_price", "time_to_first_token", "prompt_tokens")
    for unknown in ("NaN", "", None, "None"):
        span = read(**dict.fromkeys(keys, unknown))
        assert (span.latency_us, span.cost_pd, span.prompt_price_pd, span.ttft_us) == (None, None, None, None)
