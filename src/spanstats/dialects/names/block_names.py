"""A block of usage: the object in which an API or a library reports what a call used.

It comes as `usage` of a flat span, in LangChain's outputs, and as an attribute that holds an object or its JSON text.
A row is a path into the block.
"""

from .row import Cached, Name, Table

_OPENAI = "OpenAI chat completions, litellm"
_RESPONSES = "OpenAI Responses"
_ANTHROPIC = "Anthropic messages"
_BEDROCK = "Bedrock Converse"
_INVOKE = "Bedrock InvokeModel"
_LANGCHAIN = "LangChain"
_LANGCHAIN_JS = "LangChain.js"
_VERCEL = "Vercel AI SDK"
_COHERE = "Cohere"
_GEMINI = "Gemini, Vertex AI"
_LANGFUSE = "Langfuse"
_LANGFUSE_LANGCHAIN = "Langfuse (LangChain's callbacks)"
_RESPAN = "Respan, DeepSeek"

USAGE: Table = {
    "prompt_tokens": (
        Name("prompt_tokens", _OPENAI),
        Name("input_tokens", "OpenAI Responses, Anthropic, LangChain"),
        Name("inputTokens", "Bedrock Converse, Vercel AI SDK 5 to 7"),
        Name("promptTokens", "LangChain.js, Vercel AI SDK 4"),
        Name("prompt_token_count", _GEMINI),
        Name("promptTokenCount", _GEMINI),
        Name("inputTokenCount", _INVOKE),
        Name("input_token_count", "watsonx"),
        Name("input", _LANGFUSE),
        Name("billed_units.input_tokens", _COHERE),
        Name("tokens.input_tokens", _COHERE),
    ),
    "completion_tokens": (
        Name("completion_tokens", _OPENAI),
        Name("output_tokens", "OpenAI Responses, Anthropic, LangChain"),
        Name("outputTokens", "Bedrock Converse, Vercel AI SDK 5 to 7"),
        Name("completionTokens", "LangChain.js, Vercel AI SDK 4"),
        Name("candidates_token_count", _GEMINI),
        Name("candidatesTokenCount", _GEMINI),
        Name("outputTokenCount", _INVOKE),
        Name("generated_token_count", "watsonx"),
        Name("output", _LANGFUSE),
        Name("billed_units.output_tokens", _COHERE),
        Name("tokens.output_tokens", _COHERE),
    ),
    "total_tokens": (
        Name("total_tokens", "OpenAI, LangChain"),
        Name("totalTokens", "Bedrock Converse, LangChain.js, Vercel AI SDK"),
        Name("total_token_count", _GEMINI),
        Name("totalTokenCount", _GEMINI),
        Name("total", _LANGFUSE),
    ),
    "cache_read_tokens": (
        Name("prompt_tokens_details.cached_tokens", _OPENAI),
        Name("input_tokens_details.cached_tokens", _RESPONSES),
        Name("input_token_details.cache_read", _LANGCHAIN),
        Name("inputTokenDetails.cacheReadTokens", "Vercel AI SDK 6 and 7"),
        Name("cachedInputTokens", "Vercel AI SDK 5", cached=Cached.AS_VENDOR),
        Name("cachedPromptTokens", "Vercel AI SDK 4"),
        Name("cached_content_token_count", _GEMINI),
        Name("cachedContentTokenCount", _GEMINI),
        Name("cache_read_input_tokens", _ANTHROPIC, cached=Cached.AS_INPUT),
        Name("cacheReadInputTokens", _BEDROCK, cached=Cached.BESIDE),
        Name("cacheReadInputTokensCount", _BEDROCK, cached=Cached.BESIDE),
        Name("cacheReadInputTokenCount", _INVOKE, cached=Cached.BESIDE),
        Name("prompt_cache_hit_tokens", _RESPAN, cached=Cached.AS_VENDOR),
        Name("input_cached_tokens", _LANGFUSE, cached=Cached.BESIDE),
        Name("input_cache_read", _LANGFUSE, cached=Cached.BESIDE),
        Name("cache_read", "MLflow"),
        Name("cached_tokens", "Cohere, Groq"),
    ),
    "cache_write_tokens": (
        Name("prompt_tokens_details.cache_creation_tokens", _OPENAI),
        Name("prompt_tokens_details.cache_write_tokens", "OpenRouter"),
        Name("input_tokens_details.cache_write_tokens", _RESPONSES),
        Name("input_token_details.cache_creation", _LANGCHAIN),
        Name("inputTokenDetails.cacheWriteTokens", "Vercel AI SDK 6 and 7"),
        Name("cache_creation_input_tokens", _ANTHROPIC, cached=Cached.AS_INPUT),
        Name("cacheCreationInputTokens", "Vercel AI SDK (Anthropic)", cached=Cached.BESIDE),
        Name("cacheWriteInputTokens", _BEDROCK, cached=Cached.BESIDE),
        Name("cacheWriteInputTokensCount", _BEDROCK, cached=Cached.BESIDE),
        Name("cacheWriteInputTokenCount", _INVOKE, cached=Cached.BESIDE),
        Name("prompt_cache_creation_tokens", _RESPAN, cached=Cached.AS_VENDOR),
        Name("input_cache_creation", _LANGFUSE, cached=Cached.BESIDE),
        Name("cache_creation", "MLflow"),
    ),
    "cache_write_5m_tokens": (
        Name("cache_creation.ephemeral_5m_input_tokens", _ANTHROPIC, cached=Cached.AS_INPUT),
        Name("input_token_details.ephemeral_5m_input_tokens", _LANGCHAIN),
        Name("input_ephemeral_5m_input_tokens", _LANGFUSE, cached=Cached.BESIDE),
    ),
    "cache_write_1h_tokens": (
        Name("cache_creation.ephemeral_1h_input_tokens", _ANTHROPIC, cached=Cached.AS_INPUT),
        Name("input_token_details.ephemeral_1h_input_tokens", _LANGCHAIN),
        Name("input_ephemeral_1h_input_tokens", _LANGFUSE, cached=Cached.BESIDE),
    ),
    "input_audio_tokens": (
        Name("prompt_tokens_details.audio_tokens", _OPENAI),
        Name("input_tokens_details.audio_tokens", _RESPONSES),
        Name("input_token_details.audio_tokens", "OpenAI Realtime"),
        Name("input_token_details.audio", _LANGCHAIN),
        Name("input_audio", _LANGFUSE_LANGCHAIN, is_beside=True),
        Name("prompt_tokens_details.AUDIO", _GEMINI),
        Name("promptTokensDetails.AUDIO", _GEMINI),
    ),
    "output_audio_tokens": (
        Name("completion_tokens_details.audio_tokens", _OPENAI),
        Name("output_tokens_details.audio_tokens", _RESPONSES),
        Name("output_token_details.audio_tokens", "OpenAI Realtime"),
        Name("output_token_details.audio", _LANGCHAIN),
        Name("output_audio", _LANGFUSE_LANGCHAIN, is_beside=True),
        Name("candidates_tokens_details.AUDIO", _GEMINI),
        Name("candidatesTokensDetails.AUDIO", _GEMINI),
    ),
    "reasoning_tokens": (
        Name("completion_tokens_details.reasoning_tokens", _OPENAI),
        Name("output_tokens_details.reasoning_tokens", _RESPONSES),
        Name("output_token_details.reasoning", _LANGCHAIN),
        Name("outputTokenDetails.reasoningTokens", "Vercel AI SDK 6 and 7"),
        Name("reasoningTokens", "Vercel AI SDK 5"),
        Name("thoughts_token_count", _GEMINI, is_beside=True),
        Name("thoughtsTokenCount", _GEMINI, is_beside=True),
        Name("output_tokens_details.thinking_tokens", _ANTHROPIC),
        Name("output_reasoning", _LANGFUSE_LANGCHAIN, is_beside=True),
    ),
    "service_tier": (Name("service_tier", "OpenAI, Anthropic", "text"),),
    "cost_pd": (
        Name("cost", "OpenRouter", "USD"),
        Name("response_cost", "litellm", "USD"),
        Name("total_cost", "LangSmith", "USD"),
    ),
    "input_cost": (Name("input_cost", "LangSmith", "USD"),),
    "output_cost": (Name("output_cost", "LangSmith", "USD"),),
}

COST_BLOCK: Table = {
    "cost_pd": (Name("total", _LANGFUSE, "USD"), Name("total_cost", "MLflow, litellm", "USD")),
    "input_cost": (Name("input", _LANGFUSE, "USD"), Name("input_cost", "MLflow, litellm", "USD")),
    "output_cost": (Name("output", _LANGFUSE, "USD"), Name("output_cost", "MLflow, litellm", "USD")),
}

# Attributes that hold a block, as an object or as its JSON text, and the path to it inside the attribute's value.
USAGE_ATTRIBUTES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("usage", ("",), "hand-made spans"),
    ("langfuse.observation.usage_details", ("",), _LANGFUSE),
    ("langsmith.usage_metadata", ("",), "LangSmith"),
    ("mlflow.chat.tokenUsage", ("",), "MLflow"),
    ("ai.response.usage", ("",), "Vercel AI SDK 7"),
    (
        "ai.response.providerMetadata",
        ("anthropic.usage", "anthropic", "bedrock.usage", "google.usageMetadata", "vertex.usageMetadata", "openai"),
        _VERCEL,
    ),
    ("hidden_params", ("",), "litellm"),
)
KINDS_OF_COST = "langfuse.observation.cost_details"
COST_ATTRIBUTES: tuple[tuple[str, str], ...] = (
    (KINDS_OF_COST, _LANGFUSE),
    ("mlflow.llm.cost", "MLflow"),
    ("cost_breakdown", "litellm"),
)
