"""Prices against the package's own arithmetic, which is the oracle: same table, other code, decimals throughout."""

import random
import socket
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice
from hypothesis import given
from hypothesis import strategies as st

from spanstats.domain.span import Span
from spanstats.ingest.pricing import Prices
from spanstats.ingest.rates import read_rates

START_US = 1_767_225_600_000_000
PRICES = Prices()
LISTS = [
    prices
    for provider in get_snapshot().providers
    for model in provider.models
    for prices in ([model.prices] if isinstance(model.prices, ModelPrice) else [c.prices for c in model.prices])
]


def span(**fields: Any) -> Span:
    return Span(**{"trace_id": "t", "span_id": "s", "start_us": START_US, **fields})


def cost(**fields: Any) -> int | None:
    return PRICES.price(span(**fields))


def rounded(dollars: Decimal) -> int:
    return int((dollars * 10**12).to_integral_value(ROUND_HALF_EVEN))


@given(st.data())
def test_every_price_list_of_the_table_costs_what_the_package_says(data: st.DataObject) -> None:
    prices = data.draw(st.sampled_from(LISTS))
    total = data.draw(st.integers(0, 2**31 - 1) | st.integers(0, 300_000))
    read = data.draw(st.integers(0, total))
    write = data.draw(st.integers(0, total - read))
    one_hour = data.draw(st.integers(0, write))
    audio_in = data.draw(st.integers(0, total - read - write))
    completion = data.draw(st.integers(0, 2**31 - 1))
    audio_out = data.draw(st.integers(0, completion))
    reasoning = data.draw(st.integers(0, completion - audio_out))
    beside, apart = data.draw(st.booleans()), data.draw(st.booleans())
    rates = read_rates(prices)
    usage = Usage(
        input_tokens=total,
        output_tokens=completion,
        cache_read_tokens=read,
        cache_write_tokens=write,
        cache_write_1h_tokens=one_hour,
        input_audio_tokens=audio_in,
        # None of the cached ones are audio: the package wants that said where a list has a price for both.
        cache_audio_read_tokens=0,
        output_audio_tokens=audio_out,
        output_reasoning_tokens=reasoning,
    )
    expected = rounded(prices.calc_price(usage)["total_price"])
    details = {
        "cache_write_1h_tokens": one_hour,
        "input_audio_tokens": audio_in,
        "output_audio_tokens": audio_out,
        "reasoning_tokens": reasoning,
        **({"cached_beside_input": True} if beside else {}),
        **({"reasoning_beside_output": True} if apart else {}),
    }
    priced = span(
        prompt_tokens=total - read - write if beside else total,
        completion_tokens=completion - reasoning if apart else completion,
        cache_read_tokens=read,
        cache_write_tokens=write,
        attributes=details,
    )
    assert (0 if rates is None else rates.cost_pd(priced)) == expected


@pytest.mark.parametrize("boundary", [-1, 0, 1])
def test_a_tier_is_the_price_of_all_tokens_once_the_prompt_is_above_it(boundary: int) -> None:
    tiered = [p for p in LISTS if hasattr(p.__dict__.get("input_mtok"), "tiers")]
    assert tiered
    for prices in tiered:
        prompt = prices.__dict__["input_mtok"].tiers[0].start + boundary
        rates = read_rates(prices)
        assert rates is not None
        usage = Usage(input_tokens=prompt, output_tokens=10)
        assert rates.cost_pd(span(prompt_tokens=prompt, completion_tokens=10)) == rounded(
            prices.calc_price(usage)["total_price"]
        )


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-4o", None),
        ("gpt-4o-mini-2024-07-18", "openai"),
        ("GPT-4o", "OpenAI"),
        ("claude-3-5-sonnet-20241022", "anthropic"),
        ("gemini-1.5-pro", "vertex_ai"),
        ("gpt-4o", "azure"),
    ],
)
def test_a_model_that_the_package_knows_costs_the_same_here(model: str, provider: str | None) -> None:
    moment = datetime.fromtimestamp(START_US // 10**6, UTC)
    usage = Usage(input_tokens=1234, output_tokens=567, cache_read_tokens=100)
    expected = calc_price(usage, model, provider_id=provider, genai_request_timestamp=moment).total_price
    ours = cost(model=model, provider=provider, prompt_tokens=1234, completion_tokens=567, cache_read_tokens=100)
    assert ours == rounded(expected)
    assert ours


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-4o-2099-01-01", "openai"),
        ("gpt-4o-20990101", None),
        ("openai/gpt-4o", None),
        ("openrouter/openai/gpt-4o", "litellm"),
        ("gpt-4o", "Langchain"),
        ("gpt-4o", "aws.bedrock"),
        (" GPT-4o ", "az.ai.openai"),
        ("openai:gpt-4o", None),
        ("openai:/gpt-4o", "mlflow"),
        ("openai-responses:gpt-4o", "Langchain"),
        ("gateway/openai:gpt-4o", None),
        ("azure_openai:gpt-4o", None),
    ],
)
def test_names_that_other_tools_write_stand_for_the_same_model(model: str, provider: str | None) -> None:
    assert cost(model=model, provider=provider, prompt_tokens=1000, completion_tokens=100) == 3_500_000_000


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("text-embedding-3-small", "openai"),
        ("text-embedding-ada-002", "openai"),
        ("text-embedding-3-large", "openai"),
        ("ft:gpt-4o-mini-2024-07-18:acme::abc", "openai"),
        ("chatgpt-4o-latest", "openai"),
        ("codex-mini", "openai"),
        ("embed-v4.0", "cohere"),
        ("sonar", "perplexity"),
        ("sonar-pro", "perplexity"),
    ],
)
def test_models_of_one_vendor_alone_need_no_provider(model: str, provider: str) -> None:
    expected = calc_price(Usage(input_tokens=10_000, output_tokens=100), model, provider_id=provider).total_price
    assert cost(model=model, prompt_tokens=10_000, completion_tokens=100) == rounded(expected) > 0
    assert cost(model=model, provider="Langchain", prompt_tokens=10_000, completion_tokens=100) == rounded(expected)


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "nobody-knows-this", "prompt_tokens": 5},
        {"model": "gpt-4o"},
        {"prompt_tokens": 5, "completion_tokens": 5},
        {"model": "gpt-4o", "provider": "Ollama", "prompt_tokens": 5},
        {"model": "whisper-1", "provider": "openai", "prompt_tokens": 5},
        {"model": "", "prompt_tokens": 5},
    ],
)
def test_what_is_unknown_costs_null_and_not_zero(fields: dict[str, Any]) -> None:
    assert cost(**fields) is None


@pytest.mark.parametrize(
    "model", ["deepseek/deepseek-r1:free", "google/gemini-2.0-flash-exp:free", "nobody/knows:Free"]
)
@pytest.mark.parametrize("provider", [None, "openrouter", "openai"])
def test_what_openrouter_calls_free_costs_nothing(model: str, provider: str | None) -> None:
    assert cost(model=model, provider=provider, prompt_tokens=1000, completion_tokens=100) == 0
    assert cost(model=model, provider=provider, prompt_tokens=5, prompt_price_pd=10**12) == 5 * 10**6
    assert cost(model=model, provider=provider) is None


def test_another_model_than_the_one_that_was_fine_tuned_has_no_price() -> None:
    assert cost(model="ft:nobody-knows:gpt-4o", prompt_tokens=5) is None


def test_the_total_of_an_embedding_is_its_input() -> None:
    model = "text-embedding-3-small"
    assert cost(kind="embedding", model=model, total_tokens=77) == cost(model=model, prompt_tokens=77) == 1_540_000
    assert cost(kind="chat", model="gpt-4o", total_tokens=77) is None
    assert cost(kind="embedding", model=model, total_tokens=0) is None


def test_no_tokens_at_all_cost_nothing_where_the_model_is_known() -> None:
    assert cost(model="gpt-4o", prompt_tokens=0, completion_tokens=0) == 0


def test_cached_tokens_above_the_input_come_on_top_of_it() -> None:
    own = cost(model="gpt-4o", prompt_tokens=10, completion_tokens=1)
    cached = cost(model="gpt-4o", prompt_tokens=20, cache_read_tokens=20)
    assert own is not None
    assert cached is not None
    assert cost(model="gpt-4o", prompt_tokens=10, completion_tokens=1, cache_read_tokens=20) == own + cached
    inside = cost(model="gpt-4o", prompt_tokens=10, completion_tokens=1, cache_read_tokens=10)
    assert inside is not None
    assert inside < own


@pytest.mark.parametrize(
    "details", [{"input_audio_tokens": 99}, {"reasoning_tokens": -1}, {"cache_write_1h_tokens": "x"}]
)
def test_details_that_cannot_be_never_change_the_sum(details: dict[str, Any]) -> None:
    tokens = {"model": "gpt-4o", "prompt_tokens": 10, "completion_tokens": 1}
    assert cost(**tokens, attributes=details) == cost(**tokens)


def test_an_answers_alias_costs_what_the_model_that_was_asked_for_does() -> None:
    tokens = {"prompt_tokens": 1000, "completion_tokens": 100}
    attributes = {"request_model": "gpt-4o-mini"}
    assert cost(model="our-deployment", attributes=attributes, **tokens) == cost(model="gpt-4o-mini", **tokens)
    assert cost(model="gpt-4o", attributes=attributes, **tokens) == cost(model="gpt-4o", **tokens)
    assert cost(model="our-deployment", attributes={"request_model": "ours"}, **tokens) is None


@pytest.mark.parametrize(
    ("model", "listed"),
    [
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", "regional.anthropic.claude-3-5-sonnet-20241022-v2:0"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "regional.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("global.anthropic.claude-sonnet-4-5-20250929-v1:0", "global.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("bedrock/eu.anthropic.claude-3-haiku-20240307-v1:0", "regional.anthropic.claude-3-haiku-20240307-v1:0"),
        ("amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"),
        ("us.amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0"),
        (
            "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-3-5-sonnet-20241022-v2:0",
            "regional.anthropic.claude-3-5-sonnet-20241022-v2:0",
        ),
    ],
)
@pytest.mark.parametrize("provider", [None, "aws.bedrock", "anthropic", "Langchain"])
def test_bedrocks_names_need_no_provider(model: str, listed: str, provider: str | None) -> None:
    aws = next(p for p in get_snapshot().providers if p.id == "aws")
    prices = next(m for m in aws.models if m.id == listed).prices
    assert isinstance(prices, ModelPrice)
    expected = prices.calc_price(Usage(input_tokens=100_000, output_tokens=10_000))["total_price"]
    assert cost(model=model, provider=provider, prompt_tokens=100_000, completion_tokens=10_000) == rounded(expected)


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai.chat", "gpt-4o-mini"),
        ("openai.responses", "gpt-4o-mini"),
        ("openai.embedding", "text-embedding-3-small"),
        ("azure.ai.openai", "gpt-4o"),
        ("azure-openai.chat", "gpt-4o"),
        ("gcp.vertex_ai", "gemini-2.0-flash"),
        ("gcp.gemini", "gemini-2.0-flash"),
        ("gcp.gen_ai", "gemini-2.0-flash"),
        ("google.generative-ai", "gemini-2.0-flash"),
        ("vertex_ai", "gemini-2.0-flash"),
        ("anthropic.messages", "claude-3-5-sonnet-20241022"),
        ("xai.chat", "grok-3"),
        ("x_ai", "grok-3"),
        ("mistral_ai", "mistral-large-latest"),
        ("mistral.chat", "mistral-large-latest"),
        ("groq.chat", "llama-3.3-70b-versatile"),
    ],
)
def test_a_provider_is_known_however_it_is_spelled(provider: str, model: str) -> None:
    home = {"gcp": "google", "google": "google", "vertex_ai": "google", "azure-openai": "openai", "azure": "openai"}
    home |= {"xai": "x-ai", "x_ai": "x-ai", "mistral_ai": "mistral"}
    plain = home.get(provider.partition(".")[0], provider.partition(".")[0])
    ours = cost(model=model, provider=provider, prompt_tokens=1000, completion_tokens=100)
    assert ours
    assert ours == cost(model=model, provider=plain, prompt_tokens=1000, completion_tokens=100)


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("ollama/llama3", None),
        ("llama3", "ollama.chat"),
        ("hosted_vllm/gpt-4o", "openai"),
        ("ollama:gpt-4o", None),
        ("deepseek-r1:8b", None),
        ("deepseek-r1:1.5b", None),
        ("deepseek-r1:latest", "openai"),
    ],
)
def test_models_on_the_users_own_machine_have_no_price_however_they_are_named(model: str, provider: str | None) -> None:
    assert cost(model=model, provider=provider, prompt_tokens=5) is None


def test_unit_prices_of_the_span_come_before_the_table_and_a_missing_one_is_zero() -> None:
    tokens = {"prompt_tokens": 3, "completion_tokens": 2}
    assert cost(model="gpt-4o", prompt_price_pd=10**12, completion_price_pd=2 * 10**12, **tokens) == 7 * 10**6
    assert cost(model="gpt-4o", prompt_price_pd=10**12, **tokens) == 3 * 10**6
    assert cost(completion_price_pd=10**12, **tokens) == 2 * 10**6
    assert cost(model="gpt-4o", prompt_price_pd=0, **tokens) == 0
    assert cost(prompt_price_pd=10**12) is None


@pytest.mark.parametrize(("price_pd", "expected"), [(500_000, 0), (1_500_000, 2), (2_500_000, 2), (2_500_001, 3)])
def test_half_a_picodollar_goes_to_the_even_one(price_pd: int, expected: int) -> None:
    assert cost(prompt_price_pd=price_pd, prompt_tokens=1) == expected


def test_a_cost_that_no_column_could_hold_is_none() -> None:
    assert cost(prompt_price_pd=10**17, prompt_tokens=2**31 - 1) is None
    assert cost(prompt_price_pd=10**17, prompt_tokens=10**6) == 10**17


def test_the_time_of_the_call_decides_which_price_list_counts() -> None:
    changed = [
        (provider, model)
        for provider in get_snapshot().providers
        for model in provider.models
        if isinstance(model.prices, list) and len(model.prices) > 1
    ]
    assert changed
    for provider, model in changed:
        for days in (0, 400, 800, 1200):
            moment = datetime(2023, 6, 1, 3, 30, tzinfo=UTC) + timedelta(days=days)
            assert_same(provider.id, model, moment)


def assert_same(provider: str, model: ModelInfo, moment: datetime) -> None:
    try:
        matched = calc_price(
            Usage(input_tokens=1000, output_tokens=10), model.id, provider_id=provider, genai_request_timestamp=moment
        )
    except LookupError:
        return
    start_us = int(moment.timestamp()) * 10**6
    ours = cost(model=model.id, provider=provider, prompt_tokens=1000, completion_tokens=10, start_us=start_us)
    assert (ours or 0) == rounded(matched.total_price)


def test_memory_is_bounded_and_forgetting_changes_no_price() -> None:
    prices = Prices(remembered=3)
    models = ["gpt-4o", "gpt-4o-mini", "nobody", "claude-3-haiku-20240307", "gpt-4-turbo"]
    expected = {m: cost(model=m, prompt_tokens=1000) for m in models}
    for model in random.Random(1).choices(models, k=100):
        assert prices.price(span(model=model, prompt_tokens=1000)) == expected[model]
        assert len(prices._matches) <= 3


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a price look-up opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert Prices().price(span(model="gpt-4o", prompt_tokens=1000)) == 2_500_000_000
