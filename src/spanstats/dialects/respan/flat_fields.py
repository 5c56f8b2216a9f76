"""The keys of a flat span by what they are, as data. Of several keys of one field the first that has a value wins.

Tokens, costs and the first token have the names of `dialects/names`, as attributes of OpenTelemetry do.
"""

WRAPPERS = ("keywordsai_params", "respan_params")

TEXTS = {
    "name": "span_name",
    "workflow_name": "span_workflow_name",
    "error": "error_message",
    "model": "model",
}
"""Fields of a span that are texts, each with its key."""

INPUT = ("input", "messages", "prompt_messages")
OUTPUT = ("output", "completion_message", "completion_messages")

LABELS = {
    "customer_identifier": "customer_identifier",
    "customer_email": "customer_email",
    "customer_name": "customer_name",
    "thread_identifier": "thread_identifier",
    "session_identifier": "session_identifier",
    "trace_group_identifier": "trace_group_identifier",
    "group_identifier": "trace_group_identifier",
    "custom_identifier": "custom_identifier",
    "evaluation_identifier": "evaluation_identifier",
    "environment": "environment",
    "comparison_key": "comparison_key",
    "dataset_id": "dataset_id",
}
CUSTOMER = {"customer_identifier": "customer_identifier", "email": "customer_email", "name": "customer_name"}

ATTRIBUTES = frozenset(
    {
        "properties",
        "span_path",
        "log_method",
        "prompt_id",
        "prompt_name",
        "prompt_version_number",
        "variables",
        "deployment_name",
        "tokens_per_second",
        "routing_time",
        "error_code",
        "error_class",
        "error_fingerprint",
        "warnings",
        "positive_feedback",
        "note",
        "cache_key",
        "cache_bit",
        "tools",
        "tool_calls",
        "temperature",
        "max_tokens",
        "top_p",
        "stream",
        "has_tool_calls",
        "organization_key_id",
        "provider_id",
        "fault_domain",
        "used_custom_credential",
        "behaviors",
        "service_tier",
        "full_request",
        "full_response",
    }
)
