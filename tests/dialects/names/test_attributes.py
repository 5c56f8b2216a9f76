"""Every row of the tables of names, in both encodings of OTLP: the number in the unit that the row says."""

import json
from typing import Any

import pytest

from spanstats.dialects.names.block_names import USAGE_ATTRIBUTES
from spanstats.dialects.names.evaluations import FIELDS, NUMBERED
from spanstats.dialects.names.kinds import KIND, KINDS, SPAN_NAME_BEGINNINGS, SPAN_NAMES, UNKNOWN_KINDS
from spanstats.dialects.names.row import Cached, Name
from spanstats.dialects.names.usage import COSTS, DETAILS, FIRST_TOKEN, FIRST_TOKEN_EVENTS, TOKENS
from spanstats.domain.span import LLM_KINDS
from spanstats.ingest.rates import TokensByPrice, tokens_by_price

from ..otlp.test_mapping import START_NS, pairs, read, read_both, rejection, request, wire

SENT_AS_300_MS: dict[str, Any] = {"s": 0.3, "ms": 300.0, "time": "2026-01-01T00:00:00.300Z"}


def rows(*tables: dict[str, tuple[Name, ...]]) -> list[tuple[str, Name]]:
    return [(field, row) for table in tables for field, names in table.items() for row in names]


@pytest.mark.parametrize(("field", "row"), rows(DETAILS), ids=str)
def test_every_name_of_a_detail_is_that_detail(field: str, row: Name) -> None:
    assert read({row.name: 7}).attributes[field] == 7


@pytest.mark.parametrize("row", [r for _, r in rows({"cost_pd": COSTS["cost_pd"]})], ids=str)
def test_every_name_of_a_cost_is_that_cost_in_dollars(row: Name) -> None:
    assert row.unit == "USD"
    assert read({row.name: 0.25}).cost_pd == 250_000_000_000
    assert read({row.name: 0}).cost_pd == 0


@pytest.mark.parametrize("input_row", COSTS["input_cost"], ids=str)
@pytest.mark.parametrize("output_row", COSTS["output_cost"], ids=str)
def test_two_costs_without_a_total_are_added(input_row: Name, output_row: Name) -> None:
    parts = {input_row.name: 0.25, output_row.name: 0.5}
    assert read(parts).cost_pd == 750_000_000_000
    assert read({**parts, "operation.cost": 0.9}).cost_pd == 900_000_000_000
    assert read({input_row.name: 0.25}).cost_pd == 250_000_000_000


@pytest.mark.parametrize("row", FIRST_TOKEN["ttft_us"], ids=str)
def test_every_name_of_the_first_token_is_read_in_its_unit(row: Name) -> None:
    assert read({row.name: SENT_AS_300_MS[row.unit]}).ttft_us == 300_000


@pytest.mark.parametrize("row", [r for r in FIRST_TOKEN["ttft_us"] if r.unit != "time"], ids=str)
@pytest.mark.parametrize("zero", [0, 0.0, "0"])
def test_a_first_token_of_zero_is_not_known(row: Name, zero: Any) -> None:
    assert read({row.name: zero}).ttft_us is None


@pytest.mark.parametrize("name", FIRST_TOKEN_EVENTS)
def test_the_first_event_of_a_chunk_is_the_first_token(name: str) -> None:
    events = [{"name": name, "timeUnixNano": str(START_NS + ms * 1_000_000)} for ms in (900, 300, 600)]
    assert read(events=[{"name": "other", "timeUnixNano": str(START_NS + 5)}, *events]).ttft_us == 300_000
    assert read({"ai.response.msToFirstChunk": 200}, events=events).ttft_us == 200_000
    assert read(events=[{"name": name, "timeUnixNano": str(START_NS)}]).ttft_us is None
    assert read(events=[{"name": name}]).ttft_us is None


def test_a_number_that_is_not_known_never_costs_the_span() -> None:
    for field, row in rows(TOKENS, DETAILS, COSTS, FIRST_TOKEN):
        texts: list[dict[str, Any]] = [{"value": {"stringValue": text}} for text in ("", "None", "null")]
        unknown: list[dict[str, Any]] = [{"value": {"doubleValue": "NaN"}}, *texts, {}]
        spans = read_both(request(*(wire() | {"attributes": [{"key": row.name} | value]} for value in unknown))).spans
        assert [getattr(span, field, None) for span in spans] == [None] * len(unknown), (field, row)
        assert not any(field in span.attributes for span in spans), (field, row)


def test_an_unknown_number_gives_way_to_the_next_name() -> None:
    assert read({"prompt_tokens": "NaN", "gen_ai.usage.input_tokens": 7}).prompt_tokens == 7


def test_a_double_that_is_whole_is_a_count_however_it_is_typed() -> None:
    batch = read_both(request(wire() | {"attributes": [{"key": "prompt_tokens", "value": {"doubleValue": 12.0}}]}))
    assert batch.spans[0].prompt_tokens == 12


def test_a_count_that_is_wrong_is_refused_by_its_name() -> None:
    for field, row in rows(TOKENS):
        assert rejection({row.name: -1}) == row.name, (field, row)
        assert rejection({row.name: 1.5}) == row.name, (field, row)


@pytest.mark.parametrize(("field", "row"), [(f, r) for f, r in rows(TOKENS) if f.startswith("cache_")], ids=str)
def test_whether_the_input_includes_cached_tokens_follows_from_the_name(field: str, row: Name) -> None:
    own = {"model": "claude-sonnet-4-5", "prompt_tokens": 100, row.name: 50}
    beside = read(own).attributes.get("cached_beside_input", False)
    assert beside == (row.cached is Cached.AS_VENDOR)
    assert "cached_beside_input" not in read({**own, "model": "gpt-4o-mini"}).attributes
    assert "cached_beside_input" not in read({**own, row.name: 0}).attributes
    if row.cached is Cached.AS_INPUT:
        del own["prompt_tokens"]
        assert read({**own, "input_tokens": 100}).attributes["cached_beside_input"] is True


@pytest.mark.parametrize(("name", "paths"), [(name, paths) for name, paths, _ in USAGE_ATTRIBUTES])
@pytest.mark.parametrize("as_text", [True, False])
def test_every_attribute_that_holds_a_block_is_read(name: str, paths: tuple[str, ...], as_text: bool) -> None:
    for path in paths:
        block: Any = {"input_tokens": 5, "output_tokens": 3, "cache_read_input_tokens": 9}
        for key in reversed(path.split(".") if path else []):
            block = {key: block}
        span = read({name: json.dumps(block) if as_text else block})
        assert (span.prompt_tokens, span.completion_tokens, span.cache_read_tokens) == (5, 3, 9)
        assert span.attributes["cached_beside_input"] is True
        assert read({name: "no JSON"}).prompt_tokens is None


def test_a_block_only_fills_what_no_attribute_of_its_own_says() -> None:
    anthropic = {"anthropic": {"usage": {"input_tokens": 50, "cache_creation_input_tokens": 300}}}
    span = read({"gen_ai.usage.input_tokens": 50, "ai.response.providerMetadata": anthropic})
    assert (span.prompt_tokens, span.cache_write_tokens) == (50, 300)
    assert span.attributes["cached_beside_input"] is True


BLOCK = {
    "input_tokens": 200,
    "cache_read_input_tokens": 1500,
    "cache_creation_input_tokens": 300,
    "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
}


@pytest.mark.parametrize(
    ("own", "is_beside"),
    [
        # Version 6 of the Vercel AI SDK adds the cached tokens up, version 5 does not; the block is Anthropic's own.
        ({"ai.usage.inputTokens": 2000, "ai.usage.inputTokenDetails.cacheReadTokens": 1500}, False),
        ({"ai.usage.inputTokens": 2000, "ai.usage.cachedInputTokens": 1500}, False),
        ({"ai.usage.inputTokens": 200, "ai.usage.cachedInputTokens": 1500}, True),
        ({"gen_ai.usage.input_tokens": 2000}, False),
        ({"gen_ai.usage.input_tokens": "2000"}, False),
        ({"gen_ai.usage.input_tokens": 200}, True),
    ],
)
def test_the_input_of_a_block_proves_whether_cached_tokens_are_in_the_input(
    own: dict[str, Any], is_beside: bool
) -> None:
    for block in (BLOCK, {k: v for k, v in BLOCK.items() if k != "cache_creation_input_tokens"}):
        span = read(
            {"model": "claude-sonnet-4-5", **own, "ai.response.providerMetadata": {"anthropic": {"usage": block}}}
        )
        assert span.attributes.get("cached_beside_input", False) is is_beside
        assert tokens_by_price(span)[:4] == (200, 1500, 100, 200)


def test_the_input_of_a_block_proves_that_cached_tokens_are_beside_another_input() -> None:
    block = {"prompt_tokens": 2000, "prompt_tokens_details": {"cached_tokens": 1500}}
    span = read({"gen_ai.usage.input_tokens": 500, "usage": block})
    assert tokens_by_price(span)[:2] == (500, 1500)
    assert tokens_by_price(read({"gen_ai.usage.input_tokens": 2000, "usage": block}))[:2] == (500, 1500)
    assert tokens_by_price(read({"gen_ai.usage.input_tokens": 1900, "usage": block}))[:2] == (400, 1500)


@pytest.mark.parametrize(
    ("block", "tokens", "kinds"),
    [
        # LangChain's {"cache_read": 1500} and {"reasoning": 530} of 2,000 and 550, each taken out of its sum.
        (
            {"input": 500, "output": 20, "total": 2550, "input_cache_read": 1500, "output_reasoning": 530},
            (500, 20),
            {"prompt": 500, "read": 1500, "completion": 20, "reasoning": 530},
        ),
        (
            {"input": 500, "output": 20, "total": 1070, "input_audio": 300, "output_audio": 250},
            (500, 20),
            {"prompt": 500, "audio_in": 300, "completion": 20, "audio_out": 250},
        ),
        # Gemini's modalities make up all of its input and output.
        (
            {"input": 0, "output": 0, "total": 120, "input_modality_1": 100, "output_modality_1": 20},
            (100, 20),
            {"prompt": 100, "completion": 20},
        ),
        (
            {
                "input": 0,
                "output": 20,
                "total": 120,
                "input_modality_TEXT": 30,
                "cached_modality_TEXT": 70,
                "cached_content_token_count": 70,
            },
            (100, 20),
            {"prompt": 30, "read": 70, "completion": 20},
        ),
    ],
)
def test_what_langfuse_takes_out_of_the_input_and_output_is_still_paid(
    block: dict[str, int], tokens: tuple[int, int], kinds: dict[str, int]
) -> None:
    span = read({"langfuse.observation.type": "generation", "langfuse.observation.usage_details": json.dumps(block)})
    assert (span.prompt_tokens, span.completion_tokens) == tokens
    assert tokens_by_price(span) == TokensByPrice(**dict.fromkeys(TokensByPrice._fields, 0) | kinds)


def test_thoughts_of_googles_agents_are_paid_on_top_of_their_output() -> None:
    attributes = {"gen_ai.usage.output_tokens": 50, "gen_ai.usage.experimental.reasoning_tokens": 10}
    kinds = tokens_by_price(read({"gen_ai.system": "gcp.vertex.agent", **attributes}))
    assert (kinds.completion, kinds.reasoning) == (50, 10)


def test_claude_codes_cached_tokens_are_paid_beside_its_input() -> None:
    attributes = {"model": "claude-opus-4-5", "gen_ai.system": "anthropic", "input_tokens": 2, "output_tokens": 1200}
    span = read({**attributes, "cache_read_tokens": 1, "cache_creation_tokens": 1, "ttft_ms": 900})
    kinds = tokens_by_price(span)
    assert (kinds.prompt, kinds.read, kinds.written, kinds.completion) == (2, 1, 1, 1200)
    assert (span.ttft_us, span.is_llm_call) == (900_000, True)


@pytest.mark.parametrize("quote", ["", '"'])
def test_texts_of_mlflow_are_the_same_with_the_quotes_of_json_as_without(quote: str) -> None:
    attributes = {"mlflow.spanType": "CHAT_MODEL", "mlflow.llm.model": "gpt-4o-mini", "mlflow.llm.provider": "openai"}
    span = read({name: f"{quote}{text}{quote}" for name, text in attributes.items()})
    assert (span.kind, span.model, span.provider) == ("chat", "gpt-4o-mini", "openai")


def test_costs_of_langfuse_come_as_one_object() -> None:
    name = "langfuse.observation.cost_details"
    assert read({name: '{"input": 0.25, "output": 0.5}'}).cost_pd == 750_000_000_000
    assert read({name: '{"input": 0.25, "output": 0.5, "total": 0.8}'}).cost_pd == 800_000_000_000


def test_langfuse_costs_of_other_kinds_count_where_no_total_came() -> None:
    name = "langfuse.observation.cost_details"
    costs = {"input": 0.25, "input_cached_tokens": 0.125, "output": 0.5}
    assert read({name: json.dumps(costs)}).cost_pd == 875_000_000_000
    assert read({name: json.dumps(costs | {"total": None})}).cost_pd == 875_000_000_000
    assert read({name: json.dumps(costs | {"currency": "USD"})}).cost_pd == 750_000_000_000
    assert read({name: "{}"}).cost_pd is None


@pytest.mark.parametrize(("costs", "total_pd"), [({}, 750), ({"total_cost": 0.8}, 800)])
def test_costs_of_langsmith_are_in_its_usage(costs: dict[str, float], total_pd: int) -> None:
    usage = {"input_tokens": 100, "output_tokens": 20, "input_cost": 0.25, "output_cost": 0.5, **costs}
    assert read({"langsmith.usage_metadata": json.dumps(usage)}).cost_pd == total_pd * 10**9


@pytest.mark.parametrize("row", KIND, ids=str)
def test_every_attribute_of_the_kind_is_read_and_an_unknown_kind_says_nothing(row: Name) -> None:
    for word, kind in KINDS.items():
        assert read({row.name: word.upper()}).kind == kind
    assert read({row.name: "LLM"}).kind == "llm"
    for word in UNKNOWN_KINDS:
        assert read({row.name: word}).kind is None
        assert read({row.name: word}, name="agent run").kind == "agent"


@pytest.mark.parametrize(("name", "kind"), SPAN_NAMES.items())
def test_the_name_of_an_agents_run_is_its_kind_where_no_attribute_says_one(name: str, kind: str) -> None:
    assert read(name=name).kind == kind
    assert read({"gen_ai.operation.name": "chat"}, name=name).kind == "chat"
    assert kind not in LLM_KINDS


@pytest.mark.parametrize(("beginning", "kind"), SPAN_NAME_BEGINNINGS.items())
def test_a_name_that_begins_with_an_operation_is_of_its_kind(beginning: str, kind: str) -> None:
    assert read({"model": "gpt-4o"}, name=f"{beginning}helper").kind == kind
    assert read({"gen_ai.operation.name": "chat"}, name=f"{beginning}helper").kind == "chat"
    assert read(name=beginning.strip() + "_helper").kind is None


@pytest.mark.parametrize(
    ("operation", "is_call"),
    [
        ("ai.generateText", False),
        ("ai.generateText.doGenerate", True),
        ("ai.streamText", False),
        ("ai.streamText.doStream", True),
        ("ai.generateObject", False),
        ("ai.streamObject.doStream", True),
        ("ai.embed", False),
        ("ai.embed.doEmbed", True),
        ("ai.toolCall", False),
        ("chat.completions", True),
        ("chat.streaming_completions", True),
        ("text.completions", True),
    ],
)
def test_what_gathers_calls_is_no_call_itself(operation: str, is_call: bool) -> None:
    assert read({"ai.operationId": operation, "ai.model.id": "gpt-4o-mini"}).is_llm_call is is_call


def test_results_of_evaluators_are_scores_whichever_way_they_come() -> None:
    events = [
        {
            "name": "gen_ai.evaluation.result",
            "attributes": pairs(
                {
                    "gen_ai.evaluation.name": "Relevance",
                    "gen_ai.evaluation.score.value": 4,
                    "gen_ai.evaluation.score.label": "relevant",
                    "gen_ai.evaluation.explanation": "to the point",
                }
            ),
        },
        {"name": "gen_ai.evaluation.toxicity", "attributes": pairs({"gen_ai.evaluation.score": 0.5})},
        {"name": "gen_ai.evaluation.result", "attributes": pairs({"gen_ai.evaluation.score.value": 1})},
        {
            "name": "gen_ai.evaluation.result",
            "attributes": pairs({"gen_ai.evaluation.name": "pass", "gen_ai.evaluation.score.label": "fail"}),
        },
    ]
    span = read({"gen_ai.evaluation.name": "exact", "gen_ai.evaluation.score.value": True}, events=events)
    assert [(s.key, s.value, s.value_type, s.text, s.reason) for s in span.scores or []] == [
        ("Relevance", 4.0, "numerical", "relevant", "to the point"),
        ("toxicity", 0.5, "numerical", None, None),
        ("pass", None, "categorical", "fail", None),
        ("exact", 1.0, "boolean", None, None),
    ]


@pytest.mark.parametrize(("prefix", "inner"), NUMBERED.items())
def test_numbered_results_are_scores(prefix: str, inner: str) -> None:
    attributes = {
        f"{prefix}1.{inner}name": "b",
        f"{prefix}1.{inner}score": 0.25,
        f"{prefix}0.{inner}name": "a",
        f"{prefix}0.{inner}label": "good",
        f"{prefix}0.{inner}explanation": "why",
        f"{prefix}x.{inner}score": 1,
    }
    assert [(s.key, s.value, s.text, s.reason) for s in read(attributes).scores or []] == [
        ("a", None, "good", "why"),
        ("b", 0.25, None, None),
    ]


@pytest.mark.parametrize("name", [name for names in (FIELDS["value"],) for name in names])
@pytest.mark.parametrize("unknown", ["NaN", "", "high"])
def test_a_result_without_a_number_or_a_label_is_no_score(name: str, unknown: str) -> None:
    assert read({"gen_ai.evaluation.name": "e", name: unknown}).scores is None


def test_a_result_on_the_span_alone_is_named_after_the_span() -> None:
    [score] = read({"gen_ai.evaluation.score.value": 0.5}, name="judge").scores or []
    assert score.key == "judge"


def test_an_attribute_that_nobody_sent_as_metadata_never_costs_the_span_and_is_cut() -> None:
    span = read({"ai.settings.context": "x" * 300_000, "final": "y" * 300_000, "respan.metadata.k": 1, "few": ["z"]})
    assert span.metadata == {"k": 1}
    assert span.attributes["cut"] == ["ai.settings.context", "final"]
    assert len(span.attributes["ai.settings.context"]) == len(span.attributes["final"]) == 256 * 1024
    assert span.attributes["few"] == ["z"]
    assert read({"app.state": {"k": ["é" * 200_000]}}).attributes["app.state"].startswith('{"k":["é')


@pytest.mark.parametrize(
    "prefix",
    [
        "ai.telemetry.metadata.",
        "langfuse.observation.metadata.",
        "langfuse.trace.metadata.",
        "langsmith.metadata.",
        "traceloop.association.properties.",
        "respan.metadata.",
        "metadata.",
    ],
)
def test_the_experiment_is_named_by_prefixed_metadata_without_its_prefix(prefix: str) -> None:
    attributes = {f"{prefix}experiment_id": "e", f"{prefix}topic": "t"}
    [span] = read_both(request(wire(attributes), resource={"experiment_id": "r"})).spans
    assert (span.experiment_id, span.metadata) == ("e", {"experiment_id": "e", "topic": "t"})


@pytest.mark.parametrize("name", ["experiment_id", "respan.experiment_id"])
def test_the_senders_experiment_comes_last(name: str) -> None:
    [span] = read_both(request(wire(), resource={name: "r"})).spans
    assert (span.experiment_id, span.metadata) == ("r", None)
    [span] = read_both(request(wire({"experiment_id": "e"}), resource={name: "r"})).spans
    assert span.experiment_id == "e"
