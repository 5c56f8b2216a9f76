"""What Respan's clients may call operators and fields in a filter, as data: every alias is mapped here."""

from collections.abc import Mapping

from ...filters.operators import Operator
from ...filters.predicate import SCORES

OPERATOR_NAMES: dict[str, Operator] = {
    **dict.fromkeys(("", "=", "==", "eq", "equals", "equal", "is", "exact", "in"), Operator.EQUALS),
    **dict.fromkeys(("not", "!=", "<>", "ne", "neq", "not_equal", "not_equals"), Operator.NOT_EQUALS),
    **dict.fromkeys(("not_in", "not in", "nin"), Operator.NOT_EQUALS),
    **dict.fromkeys(("gt", ">"), Operator.GT),
    **dict.fromkeys(("gte", ">="), Operator.GTE),
    **dict.fromkeys(("lt", "<"), Operator.LT),
    **dict.fromkeys(("lte", "<="), Operator.LTE),
    **dict.fromkeys(("contains", "icontains"), Operator.CONTAINS),
    "not_contains": Operator.NOT_CONTAINS,
    **dict.fromkeys(("startswith", "starts_with"), Operator.STARTSWITH),
    "not_startswith": Operator.NOT_STARTSWITH,
    **dict.fromkeys(("endswith", "ends_with"), Operator.ENDSWITH),
    "not_endswith": Operator.NOT_ENDSWITH,
    "iexact": Operator.IEXACT,
    "ilike": Operator.ILIKE,
    "regex": Operator.REGEX,
    "not_regex": Operator.NOT_REGEX,
    **dict.fromkeys(("empty", "is_empty", "isempty"), Operator.EMPTY),
    **dict.fromkeys(("not_empty", "notempty", "is_not_empty"), Operator.NOT_EMPTY),
    "isnull": Operator.ISNULL,
}
"""Operators as they may be written, in any case of letters."""

UNSUPPORTED_OPERATORS = frozenset(
    {"has_key", "overlap", "not_overlap", "trigram_word_similar", "full_text_search", "mapcontainskey"}
)
"""Operators that Respan's SDK knows and this service refuses by name."""

LOG_FIELD_NAMES: dict[str, str] = {
    "id": "trace_unique_id",
    "trace_id": "trace_unique_id",
    "workflow_name": "name",
    "group_identifier": "trace_group_identifier",
    "timestamp": "start_time",
    "latency": "duration",
    "cost": "total_cost",
    "total_request_tokens": "total_tokens",
    "prompt_tokens": "total_prompt_tokens",
    "input_tokens": "total_prompt_tokens",
    "completion_tokens": "total_completion_tokens",
    "output_tokens": "total_completion_tokens",
}
"""Other names of the fields of an experiment's logs (traces)."""

SPAN_FIELD_NAMES: dict[str, str] = {
    "unique_id": "span_unique_id",
    "trace_id": "trace_unique_id",
    "group_identifier": "trace_group_identifier",
    "total_cost": "cost",
    "input_tokens": "prompt_tokens",
    "output_tokens": "completion_tokens",
    "total_tokens": "total_request_tokens",
}
"""Other names of the fields of spans (`/api/request-logs/`)."""


def with_other_names(columns: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    """What is sorted by, with the other names of these fields: columns by name."""
    return {**columns, **{name: columns[field] for name, field in names.items() if field in columns}}


KEYED_PREFIXES = {"metadata__": "metadata", "metadata.": "metadata", "scores__": SCORES}
"""What comes before the key in the name of a field that needs one."""
