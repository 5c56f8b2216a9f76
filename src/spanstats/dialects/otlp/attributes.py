"""Which attribute of a span is which field, as data.

The names are those of Respan (its old prefix `keywordsai.` is made `respan.` before), Traceloop, OpenTelemetry's
`gen_ai.*` old and new, and OpenInference. Of several names of one field the first in its row wins; they are never added
together, as instrumentations send the same number under two names.
"""

SPAN = {
    "name": ("traceloop.entity.name",),
    "kind": (
        "respan.entity.log_type",
        "traceloop.span.kind",
        "llm.request.type",
        "gen_ai.operation.name",
        "openinference.span.kind",
    ),
    "workflow_name": ("traceloop.workflow.name",),
    "model": (
        "model",
        "gen_ai.response.model",
        "gen_ai.request.model",
        "llm.response.model",
        "llm.request.model",
        "llm.model_name",
        "embedding.model_name",
    ),
    "provider": ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system"),
    "prompt_tokens": (
        "prompt_tokens",
        "gen_ai.usage.prompt_tokens",
        "gen_ai.usage.input_tokens",
        "llm.usage.prompt_tokens",
        "llm.token_count.prompt",
    ),
    "completion_tokens": (
        "completion_tokens",
        "gen_ai.usage.completion_tokens",
        "gen_ai.usage.output_tokens",
        "llm.usage.completion_tokens",
        "llm.token_count.completion",
    ),
    "total_tokens": (
        "total_request_tokens",
        "llm.usage.total_tokens",
        "gen_ai.usage.total_tokens",
        "llm.token_count.total",
    ),
    "cache_read_tokens": (
        "prompt_cache_hit_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.cache_read.input_tokens",
        "llm.token_count.prompt_details.cache_read",
    ),
    "cache_write_tokens": (
        "prompt_cache_creation_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
        "llm.token_count.prompt_details.cache_write",
    ),
    "cost_pd": ("gen_ai.usage.cost", "llm.cost.total", "cost"),
    "ttft_us": (
        "llm.openai.chat_completions.streaming_time_to_first_token",
        "gen_ai.server.time_to_first_token",
        "time_to_first_token",
        "respan.time_to_first_token",
    ),
    "status_code": ("status_code", "respan.status_code"),
    "error": ("error.message",),
    "input": ("traceloop.entity.input", "input.value", "gen_ai.input.messages", "input"),
    "output": ("traceloop.entity.output", "output.value", "gen_ai.output.messages", "output"),
    "target": ("expected_output", "respan.expected_output"),
}

LABELS = {
    "customer_identifier": (
        "respan.customer_params.customer_identifier",
        "respan.customer.identifier",
        "customer_identifier",
        "user.id",
    ),
    "customer_email": ("respan.customer_params.email", "respan.customer.email", "customer_email"),
    "customer_name": ("respan.customer_params.name", "respan.customer.name", "customer_name"),
    "thread_identifier": (
        "respan.threads.thread_identifier",
        "respan.thread.id",
        "thread_identifier",
        "gen_ai.conversation.id",
    ),
    "session_identifier": (
        "respan.sessions.session_identifier",
        "respan.session.id",
        "session_identifier",
        "session.id",
    ),
    "trace_group_identifier": (
        "respan.trace.trace_group_identifier",
        "respan.trace_group.id",
        "trace_group_identifier",
        "group_identifier",
    ),
    "custom_identifier": ("respan.span_params.custom_identifier", "custom_identifier"),
    "evaluation_identifier": ("respan.evaluation_params.evaluation_identifier", "evaluation_identifier"),
    "environment": ("respan.environment", "deployment.environment.name", "deployment.environment"),
}

ATTRIBUTES = {
    "span_path": ("traceloop.entity.path",),
    "entity_version": ("traceloop.entity.version",),
    "log_method": ("respan.entity.log_method",),
    "gateway_log_id": ("respan.gateway.log_id",),
    "temperature": ("gen_ai.request.temperature",),
    "max_tokens": ("gen_ai.request.max_tokens",),
    "response_id": ("gen_ai.response.id",),
    "stream": ("gen_ai.is_streaming", "llm.is_streaming"),
    "reasoning_tokens": (
        "llm.usage.reasoning_tokens",
        "gen_ai.usage.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
    ),
    "error_class": ("error.type",),
    "prompt_id": ("respan.prompt.prompt_id", "prompt_id"),
    "prompt_name": ("respan.prompt.prompt_name", "prompt_name"),
    "prompt_version_number": ("respan.prompt.prompt_version_number", "prompt_version_number"),
    "deployment_name": ("respan.deployment_name", "deployment_name"),
    "input_mime_type": ("input.mime_type",),
    "output_mime_type": ("output.mime_type",),
}

# Objects, or JSON text of objects: their entries become metadata, or one attribute.
OBJECTS = {
    "metadata": ("respan.metadata", "metadata", "traceloop.association.properties"),
    "properties": ("respan.properties",),
    "prompt": ("respan.prompt",),
}
EXPERIMENT: dict[str, tuple[str, ...]] = {"experiment_id": ("experiment_id", "respan.experiment_id")}

METADATA_PREFIXES = ("respan.metadata.", "traceloop.association.properties.")
MESSAGE_PREFIXES = {"gen_ai.prompt.": "input", "gen_ai.completion.": "output"}

# Names of these namespaces that no row has are kept as attributes; all other unknown names are metadata.
NAMESPACES = (
    "respan.",
    "traceloop.",
    "gen_ai.",
    "llm.",
    "openinference.",
    "input.",
    "output.",
    "embedding.",
    "error.",
    "exception.",
    "otel.",
)

KINDS = {
    "text_completion": "completion",
    "embeddings": "embedding",
    "generate_content": "chat",
    "execute_tool": "tool",
    "invoke_agent": "agent",
    "create_agent": "agent",
}

Place = tuple[str, str, int]
"""(section, field, rank): the lowest rank wins. A field's name is unique over all sections."""


def _places() -> dict[str, Place]:
    sections: dict[str, dict[str, tuple[str, ...]]] = {
        "span": SPAN,
        "label": LABELS,
        "attribute": ATTRIBUTES,
        "object": OBJECTS,
        "experiment": EXPERIMENT,
    }
    return {
        name: (section, field, rank)
        for section, rows in sections.items()
        for field, names in rows.items()
        for rank, name in enumerate(names)
    }


PLACES = _places()
