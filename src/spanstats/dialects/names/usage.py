"""Attributes, and keys of a flat span, that carry tokens, costs and the time to the first token."""

from .row import Cached, Name, Table

_RESPAN = "Respan"
_OTEL = "OpenTelemetry GenAI"
_OLD = "OpenTelemetry GenAI before 1.27, Traceloop"
_TRACELOOP = "Traceloop"
_INFERENCE = "OpenInference"
_VERCEL = "Vercel AI SDK 4"
_VERCEL5 = "Vercel AI SDK 5 to 7"
_VERCEL6 = "Vercel AI SDK 6 and 7"
_PYDANTIC = "pydantic-ai"
_AGGREGATED = "pydantic-ai (an agent's run)"
_SENTRY = "Sentry"
_OPENLIT = "OpenLIT, Strands"
_LITELLM = "litellm"
_CONFIDENT = "DeepEval"
_ANTHROPIC = "Anthropic's API"

TOKENS: Table = {
    "prompt_tokens": (
        Name("prompt_tokens", _RESPAN),
        Name("gen_ai.usage.prompt_tokens", _OLD),
        Name("gen_ai.usage.input_tokens", _OTEL),
        Name("llm.usage.prompt_tokens", _TRACELOOP),
        Name("llm.token_count.prompt", _INFERENCE),
        Name("decision.token_count.input", _INFERENCE),
        Name("ai.usage.inputTokens", _VERCEL5),
        Name("ai.usage.promptTokens", _VERCEL),
        Name("ai.usage.tokens", "Vercel AI SDK (embeddings)"),
        Name("input_tokens", _RESPAN),
        Name("gen_ai.aggregated_usage.input_tokens", _AGGREGATED),
        Name("gen_ai.token.usage.input", _OPENLIT),
        Name("litellm.tokens.prompt", _LITELLM),
        Name("confident.llm.input_token_count", _CONFIDENT),
        Name("ai.prompt_tokens.used", _SENTRY),
    ),
    "completion_tokens": (
        Name("completion_tokens", _RESPAN),
        Name("gen_ai.usage.completion_tokens", _OLD),
        Name("gen_ai.usage.output_tokens", _OTEL),
        Name("llm.usage.completion_tokens", _TRACELOOP),
        Name("llm.token_count.completion", _INFERENCE),
        Name("decision.token_count.output", _INFERENCE),
        Name("ai.usage.outputTokens", _VERCEL5),
        Name("ai.usage.completionTokens", _VERCEL),
        Name("output_tokens", _RESPAN),
        Name("gen_ai.aggregated_usage.output_tokens", _AGGREGATED),
        Name("gen_ai.token.usage.output", _OPENLIT),
        Name("litellm.tokens.completion", _LITELLM),
        Name("confident.llm.output_token_count", _CONFIDENT),
        Name("ai.completion_tokens.used", _SENTRY),
    ),
    "total_tokens": (
        Name("total_request_tokens", _RESPAN),
        Name("total_tokens", _RESPAN),
        Name("llm.usage.total_tokens", _TRACELOOP),
        Name("gen_ai.usage.total_tokens", _TRACELOOP),
        Name("llm.token_count.total", _INFERENCE),
        Name("ai.usage.totalTokens", _VERCEL5),
        Name("gen_ai.token.usage.total", _OPENLIT),
        Name("litellm.tokens.total", _LITELLM),
        Name("ai.total_tokens.used", _SENTRY),
    ),
    "cache_read_tokens": (
        Name("prompt_cache_hit_tokens", _RESPAN, cached=Cached.AS_VENDOR),
        Name("gen_ai.usage.cache_read.input_tokens", _OTEL),
        Name("gen_ai.usage.cache_read_input_tokens", _OLD),
        Name("llm.usage.cache_read_input_tokens", _TRACELOOP),
        Name("llm.token_count.prompt_details.cache_read", _INFERENCE),
        Name("llm.token_count.prompt_details.cache_input", _INFERENCE),
        Name("ai.usage.inputTokenDetails.cacheReadTokens", _VERCEL6),
        Name("ai.usage.cachedInputTokens", "Vercel AI SDK 5", cached=Cached.AS_VENDOR),
        Name("gen_ai.usage.details.cache_read_tokens", _PYDANTIC),
        Name("gen_ai.usage.details.cache_read_input_tokens", _PYDANTIC),
        Name("gen_ai.usage.details.cached_tokens", _PYDANTIC),
        Name("gen_ai.usage.details.cached_content_tokens", _PYDANTIC),
        Name("gen_ai.aggregated_usage.cache_read.input_tokens", _AGGREGATED),
        Name("gen_ai.aggregated_usage.details.cache_read_tokens", _AGGREGATED),
        Name("gen_ai.usage.input_tokens.cached", _SENTRY),
        Name("gen_ai.usage.prompt_tokens_details.cached_tokens", _OPENLIT),
        Name("gen_ai.usage.input_tokens_details.cached_tokens", _OPENLIT),
        Name("gen_ai.usage.cached_input_tokens", _OPENLIT),
        Name("cache_read_input_tokens", _ANTHROPIC, cached=Cached.AS_INPUT),
        Name("cache_read_tokens", "Claude Code", cached=Cached.AS_INPUT),
    ),
    "cache_write_tokens": (
        Name("prompt_cache_creation_tokens", _RESPAN, cached=Cached.AS_VENDOR),
        Name("gen_ai.usage.cache_creation.input_tokens", _OTEL),
        Name("gen_ai.usage.cache_write.input_tokens", "Anthropic's SDK, MLflow"),
        Name("gen_ai.usage.cache_creation_input_tokens", _OLD),
        Name("gen_ai.usage.cache_write_input_tokens", _OPENLIT),
        Name("llm.usage.cache_creation_input_tokens", _TRACELOOP),
        Name("llm.token_count.prompt_details.cache_write", _INFERENCE),
        Name("ai.usage.inputTokenDetails.cacheWriteTokens", _VERCEL6),
        Name("gen_ai.usage.details.cache_write_tokens", _PYDANTIC),
        Name("gen_ai.usage.details.cache_creation_input_tokens", _PYDANTIC),
        Name("gen_ai.aggregated_usage.cache_creation.input_tokens", _AGGREGATED),
        Name("gen_ai.aggregated_usage.details.cache_write_tokens", _AGGREGATED),
        Name("gen_ai.usage.input_tokens.cache_write", _SENTRY),
        Name("gen_ai.usage.prompt_tokens_details.cache_creation_tokens", _OPENLIT),
        Name("cache_creation_input_tokens", _ANTHROPIC, cached=Cached.AS_INPUT),
        Name("cache_creation_tokens", "Claude Code", cached=Cached.AS_INPUT),
    ),
}

# What a price follows from and no answer adds up: kept among the attributes of a span, under the name of the field.
DETAILS: Table = {
    "cache_write_1h_tokens": (
        Name("gen_ai.usage.details.ephemeral_1h_input_tokens", _PYDANTIC),
        Name("gen_ai.usage.cache_creation.ephemeral_1h_input_tokens", "Anthropic's SDK"),
        Name("cache_creation_1h_input_tokens", _ANTHROPIC, cached=Cached.AS_INPUT),
    ),
    "input_audio_tokens": (
        Name("llm.token_count.prompt_details.audio", _INFERENCE),
        Name("gen_ai.usage.details.input_audio_tokens", _PYDANTIC),
        Name("gen_ai.usage.prompt_tokens_details.audio_tokens", _OPENLIT),
        Name("input_audio_tokens", _RESPAN),
    ),
    "output_audio_tokens": (
        Name("llm.token_count.completion_details.audio", _INFERENCE),
        Name("gen_ai.usage.details.output_audio_tokens", _PYDANTIC),
        Name("gen_ai.usage.completion_tokens_details.audio_tokens", _OPENLIT),
        Name("output_audio_tokens", _RESPAN),
    ),
    "reasoning_tokens": (
        Name("llm.usage.reasoning_tokens", _TRACELOOP),
        Name("gen_ai.usage.reasoning_tokens", _TRACELOOP),
        Name("gen_ai.usage.reasoning.output_tokens", _OTEL),
        Name("llm.token_count.completion_details.reasoning", _INFERENCE),
        Name("ai.usage.outputTokenDetails.reasoningTokens", _VERCEL6),
        Name("ai.usage.reasoningTokens", "Vercel AI SDK 5"),
        Name("gen_ai.usage.details.reasoning_tokens", _PYDANTIC),
        Name("gen_ai.usage.output_tokens.reasoning", _SENTRY),
        Name("gen_ai.usage.experimental.reasoning_tokens", "Google ADK", is_beside=True),
        Name("gen_ai.usage.completion_tokens_details.reasoning_tokens", _OPENLIT),
        Name("reasoning_tokens", _RESPAN),
    ),
}

COSTS: Table = {
    "cost_pd": (
        Name("gen_ai.usage.cost", "Traceloop, OpenLIT", "USD"),
        Name("llm.cost.total", _INFERENCE, "USD"),
        Name("cost", _RESPAN, "USD"),
        Name("operation.cost", "pydantic-ai, logfire", "USD"),
        Name("gen_ai.cost.total_cost", _LITELLM, "USD"),
        Name("llm.response.cost", _LITELLM, "USD"),
        Name("response_cost", _LITELLM, "USD"),
        Name("gen_ai.token.cost.total", _OPENLIT, "USD"),
        Name("gen_ai.cost.total_tokens", _SENTRY, "USD"),
        Name("ai.total_cost", _SENTRY, "USD"),
    ),
    "input_cost": (
        Name("llm.cost.prompt", _INFERENCE, "USD"),
        Name("gen_ai.cost.input_cost", _LITELLM, "USD"),
        Name("gen_ai.cost.input_tokens", _SENTRY, "USD"),
        Name("gen_ai.token.cost.input", _OPENLIT, "USD"),
    ),
    "output_cost": (
        Name("llm.cost.completion", _INFERENCE, "USD"),
        Name("gen_ai.cost.output_cost", _LITELLM, "USD"),
        Name("gen_ai.cost.output_tokens", _SENTRY, "USD"),
        Name("gen_ai.token.cost.output", _OPENLIT, "USD"),
    ),
}

FIRST_TOKEN: Table = {
    "ttft_us": (
        Name("llm.openai.chat_completions.streaming_time_to_first_token", _TRACELOOP, "s"),
        Name("gen_ai.server.time_to_first_token", "OpenTelemetry GenAI, OpenLIT", "s"),
        Name("time_to_first_token", _RESPAN, "s"),
        Name("respan.time_to_first_token", _RESPAN, "s"),
        Name("ttft", _RESPAN, "s"),
        Name("gen_ai.response.time_to_first_chunk", "OpenTelemetry GenAI, OpenLIT, Sentry", "s"),
        Name("gen_ai.client.operation.time_to_first_chunk", "Vercel AI SDK 7, pydantic-ai", "s"),
        Name("gen_ai.response.time_to_first_token", _SENTRY, "s"),
        Name("llm.time_to_first_token", _INFERENCE, "s"),
        Name("ai.response.msToFirstChunk", "Vercel AI SDK 4 to 7", "ms"),
        Name("ai.stream.msToFirstChunk", "Vercel AI SDK 4 to 7", "ms"),
        Name("ttft_ms", "Claude Code", "ms"),
        Name("langfuse.observation.completion_start_time", "Langfuse", "time"),
    )
}

# Events whose first one marks the first token: its time less the span's start.
FIRST_TOKEN_EVENTS: dict[str, str] = {
    "First Token Stream Event": _INFERENCE,
    "ai.stream.firstChunk": "Vercel AI SDK 4 to 7",
    "gen_ai.content.completion.chunk": _TRACELOOP,
    "llm.content.completion.chunk": _TRACELOOP,
    "first_token": "hand-made spans",
    "first_chunk": "hand-made spans",
    "new_token": "LangSmith",
}
