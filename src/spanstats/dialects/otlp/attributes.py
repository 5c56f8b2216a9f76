"""Which attribute of a span is which field, as data; tokens, costs, the first token and kinds are in `dialects/names`.

The names are those of Respan (its old prefix `keywordsai.` is made `respan.` before), Traceloop, OpenTelemetry's
`gen_ai.*` old and new, OpenInference, the Vercel AI SDK, Langfuse, LangSmith, MLflow, DeepEval, Sentry, litellm and
pydantic-ai. Of several names of one field the first in its row wins.
"""

from ..names.block_names import COST_ATTRIBUTES, USAGE_ATTRIBUTES
from ..names.kinds import KIND
from ..names.usage import COSTS, DETAILS, FIRST_TOKEN, TOKENS

SPAN = {
    "name": ("traceloop.entity.name",),
    "workflow_name": ("traceloop.workflow.name", "gen_ai.workflow.name"),
    "response_id": ("gen_ai.response.id", "ai.response.id", "llm.response.id"),
    "model": (
        "model",
        "gen_ai.response.model",
        "gen_ai.request.model",
        "llm.response.model",
        "llm.request.model",
        "llm.response.model_name",
        "llm.model_name",
        "llm.request.model_name",
        "embedding.model_name",
        "reranker.model_name",
        "decision.response.model_name",
        "decision.model_name",
        "ai.response.model",
        "ai.model.id",
        "langfuse.observation.model.name",
        "mlflow.llm.model",
        "confident.llm.model",
        "ai.model_id",
        "model_name",
    ),
    "provider": (
        "gen_ai.provider.name",
        "gen_ai.system",
        "llm.provider",
        "llm.system",
        "ai.model.provider",
        "mlflow.llm.provider",
        "decision.provider",
    ),
    "status_code": ("status_code", "respan.status_code"),
    "error": ("error.message", "langfuse.observation.status_message"),
    "input": (
        "traceloop.entity.input",
        "input.value",
        "gen_ai.input.messages",
        "langfuse.observation.input",
        "gen_ai.tool.call.arguments",
        "ai.toolCall.args",
        "ai.toolCall.input",
        "ai.prompt.messages",
        "ai.prompt",
        "gen_ai.prompt",
        "gen_ai.request.messages",
        "mlflow.spanInputs",
        "confident.span.input",
        "tool_arguments",
        "input",
    ),
    "output": (
        "traceloop.entity.output",
        "output.value",
        "gen_ai.output.messages",
        "langfuse.observation.output",
        "gen_ai.tool.call.result",
        "ai.toolCall.result",
        "ai.toolCall.output",
        "ai.response.text",
        "ai.response.object",
        "ai.response.toolCalls",
        "gen_ai.completion",
        "gen_ai.response.text",
        "mlflow.spanOutputs",
        "confident.span.output",
        "tool_response",
        "final_result",
        "output",
    ),
    "target": ("expected_output", "respan.expected_output", "langfuse.experiment.item.expected_output"),
}

LABELS = {
    "customer_identifier": (
        "respan.customer_params.customer_identifier",
        "respan.customer.identifier",
        "customer_identifier",
        "user.id",
        "langfuse.user.id",
        "ai.telemetry.metadata.userId",
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
        "langfuse.session.id",
        "ai.telemetry.metadata.sessionId",
    ),
    "trace_group_identifier": (
        "respan.trace.trace_group_identifier",
        "respan.trace_group.id",
        "trace_group_identifier",
        "group_identifier",
    ),
    "custom_identifier": ("respan.span_params.custom_identifier", "custom_identifier"),
    "evaluation_identifier": ("respan.evaluation_params.evaluation_identifier", "evaluation_identifier"),
    "environment": (
        "respan.environment",
        "langfuse.environment",
        "deployment.environment.name",
        "deployment.environment",
    ),
}

ATTRIBUTES = {
    "span_path": ("traceloop.entity.path",),
    "entity_version": ("traceloop.entity.version",),
    "log_method": ("respan.entity.log_method",),
    "gateway_log_id": ("respan.gateway.log_id",),
    "temperature": ("gen_ai.request.temperature",),
    "max_tokens": ("gen_ai.request.max_tokens",),
    "stream": ("gen_ai.is_streaming", "llm.is_streaming", "gen_ai.request.stream", "gen_ai.response.streaming"),
    "service_tier": (
        "gen_ai.openai.response.service_tier",
        "openai.response.service_tier",
        "gen_ai.response.service_tier",
        "anthropic.response.service_tier",
        "service_tier",
        "gen_ai.openai.request.service_tier",
        "openai.request.service_tier",
        "gen_ai.request.service_tier",
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
    "metadata": (
        "respan.metadata",
        "metadata",
        "traceloop.association.properties",
        "ai.telemetry.metadata",
        "langfuse.observation.metadata",
        "langfuse.trace.metadata",
        "langsmith.metadata",
    ),
    "properties": ("respan.properties",),
    "prompt": ("respan.prompt",),
}
EXPERIMENT: dict[str, tuple[str, ...]] = {
    "experiment_id": ("experiment_id", "respan.experiment_id", "langfuse.experiment.id")
}

METADATA_PREFIXES = (
    "respan.metadata.",
    "traceloop.association.properties.",
    "ai.telemetry.metadata.",
    "langfuse.observation.metadata.",
    "langfuse.trace.metadata.",
    "langsmith.metadata.",
    "metadata.",
)
"""What begins with one of these was sent as metadata; the prefix is taken off its key."""
METADATA_NAMESPACES = ("langfuse.experiment.",)
"""What begins with one of these is metadata under its whole name."""
MESSAGE_PREFIXES = {"gen_ai.prompt.": "input", "gen_ai.completion.": "output"}

# Names without a namespace are a person's own and become metadata, but for these, which instrumentations send.
PLAIN_ATTRIBUTES = frozenset(
    {
        "agent_name",  # pydantic-ai
        "all_messages_events",
        "events",
        "model_request_parameters",
        "system_instructions",
        "raw_gen_ai_request",  # litellm
        "guardrail_information",
    }
)

REQUEST_MODELS = (
    "gen_ai.request.model",
    "llm.request.model",
    "llm.request.model_name",
    "decision.request.model_name",
    "ai.model.id",
)
"""What was asked for, where the answer named another model."""

Target = tuple[str, str, int]
"""(section, field, rank): the lowest rank wins. A field's name is unique over all sections."""


def _targets() -> dict[str, Target]:
    sections: dict[str, dict[str, tuple[str, ...]]] = {
        "span": SPAN,
        "label": LABELS,
        "attribute": ATTRIBUTES,
        "object": OBJECTS,
        "experiment": EXPERIMENT,
    }
    numbers = TOKENS | DETAILS | COSTS | FIRST_TOKEN
    sections |= {
        "number": {field: tuple(row.name for row in rows) for field, rows in numbers.items()},
        "kind": {"kind": tuple(row.name for row in KIND)},
        "block": {name: (name,) for name in [b[0] for b in USAGE_ATTRIBUTES] + [b[0] for b in COST_ATTRIBUTES]},
    }
    return {
        name: (section, field, rank)
        for section, rows in sections.items()
        for field, names in rows.items()
        for rank, name in enumerate(names)
    }


TARGETS = _targets()
