"""What instrumentations call the kinds of spans, and which of ours each one is.

A kind that is no model call (`domain/span.py`) only gathers what the calls below it used. The Vercel AI SDK puts the
sum over all steps on `ai.generateText` and each call on `ai.generateText.doGenerate`, so the first is an agent.
"""

from typing import Any

from ..normalize import text_of
from .row import Name

# The attribute that says what a span is; the first with a known kind wins.
KIND = (
    Name("respan.entity.log_type", "Respan"),
    Name("traceloop.span.kind", "Traceloop"),
    Name("llm.request.type", "Traceloop, litellm"),
    Name("gen_ai.operation.name", "OpenTelemetry GenAI"),
    Name("openinference.span.kind", "OpenInference"),
    Name("ai.operationId", "Vercel AI SDK 4 to 7"),
    Name("langfuse.observation.type", "Langfuse"),
    Name("langsmith.span.kind", "LangSmith"),
    Name("mlflow.spanType", "MLflow"),
    Name("confident.span.type", "DeepEval"),
    Name("sentry.op", "Sentry"),
)

# Words in lower case, whichever attribute they came by; a word that is not here is kept as it is.
KINDS: dict[str, str] = {
    # OpenTelemetry GenAI
    "text_completion": "completion",
    "embeddings": "embedding",
    "generate_content": "chat",
    "execute_tool": "tool",
    "invoke_agent": "agent",
    "create_agent": "agent",
    "invoke_workflow": "workflow",
    "agent_step": "task",
    "retrieval": "retriever",
    "evaluate": "evaluator",
    # Semantic Kernel before 1.38
    "chat.completions": "chat",
    "chat.streaming_completions": "chat",
    "text.completions": "completion",
    "text.streaming_completions": "completion",
    # litellm (the type of a call)
    "acompletion": "chat",
    "atext_completion": "completion",
    "aembedding": "embedding",
    "aresponses": "response",
    "responses": "response",
    "anthropic_messages": "chat",
    "pass_through_endpoint": "chat",
    "amoderation": "moderation",
    "arerank": "reranker",
    "rerank": "reranker",
    "atranscription": "transcription",
    "aspeech": "speech",
    "aimage_generation": "image",
    "image_generation": "image",
    # Vercel AI SDK 4 to 7
    "ai.generatetext": "agent",
    "ai.streamtext": "agent",
    "ai.generateobject": "agent",
    "ai.streamobject": "agent",
    "ai.workflowagent.stream": "agent",
    "ai.toolloopagent.generate": "agent",
    "ai.toolloopagent.stream": "agent",
    "ai.generatetext.dogenerate": "chat",
    "ai.streamtext.dostream": "chat",
    "ai.generateobject.dogenerate": "chat",
    "ai.streamobject.dostream": "chat",
    "ai.dogenerate": "chat",
    "ai.dostream": "chat",
    "ai.embed": "task",
    "ai.embedmany": "task",
    "ai.embed.doembed": "embedding",
    "ai.embedmany.doembed": "embedding",
    "ai.rerank": "task",
    "ai.rerank.dorerank": "reranker",
    "ai.toolcall": "tool",
    "ai.generatespeech": "speech",
    "ai.transcribe": "transcription",
    "ai.streamtranscribe": "transcription",
    # LangSmith, MLflow, Sentry
    "prompt": "task",
    "parser": "task",
    "chat_model": "chat",
    "gen_ai.chat": "chat",
    "gen_ai.responses": "response",
    "gen_ai.text_completion": "completion",
    "gen_ai.embeddings": "embedding",
    "gen_ai.invoke_agent": "agent",
    "gen_ai.create_agent": "agent",
    "gen_ai.execute_tool": "tool",
    "gen_ai.handoff": "handoff",
    "gen_ai.evaluate": "evaluator",
}

UNKNOWN_KINDS = frozenset({"", "unknown", "other", "span", "event", "default", "none"})

# Agents' runs that no attribute names as such: names of spans, and the kind each has where no attribute says one.
SPAN_NAMES: dict[str, str] = {
    "agent run": "agent",  # pydantic-ai, logfire
    "running tools": "task",  # pydantic-ai
    "running tool": "tool",  # pydantic-ai
    "ai.generateText": "agent",  # Vercel AI SDK, where attributes are dropped
    "ai.streamText": "agent",
}

# The conventions name a span after its operation, whether or not an attribute says that too: `invoke_agent helper`.
SPAN_NAME_BEGINNINGS: dict[str, str] = {
    f"{name} ": KINDS[name] for name in ("invoke_agent", "create_agent", "invoke_workflow", "execute_tool")
}
_BEGINNINGS = tuple(SPAN_NAME_BEGINNINGS)


def kind_of(value: Any, span_name: str) -> str | None:
    """Our kind for what an attribute says, else for the name of the span; `None` where neither says one."""
    kind = (text_of(value) or "").strip('"').lower()
    return KINDS.get(kind, kind) or SPAN_NAMES.get(span_name) or _kind_of_operation(span_name)


def _kind_of_operation(span_name: str) -> str | None:
    if not span_name.startswith(_BEGINNINGS):
        return None
    return next(kind for beginning, kind in SPAN_NAME_BEGINNINGS.items() if span_name.startswith(beginning))
