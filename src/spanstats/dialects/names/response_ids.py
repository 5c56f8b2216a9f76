"""The response id of a call, where no attribute says it and its output is the whole answer of an API.

Two instrumentations that watch one call then report one call. An object that only happens to have an `id` is none: an
answer also names its model, and has what every answer of its API has.
"""

from typing import Any

import msgspec

from ...domain.values import is_clean
from ..numbers import is_unknown

# Attributes that hold an answer as JSON text: OpenInference, Langfuse, MLflow, LangSmith.
ANSWERS = frozenset({"output.value", "langfuse.observation.output", "mlflow.spanOutputs", "gen_ai.completion"})


_MAX_CHARACTERS = 256


class _Answer(msgspec.Struct):
    """OpenAI's chat completions have choices, its responses an output, Anthropic's messages content. LangChain keeps
    the answer's id with the first message of its generations."""

    id: Any = None
    model: Any = None
    choices: msgspec.Raw = msgspec.Raw()
    output: msgspec.Raw = msgspec.Raw()
    content: msgspec.Raw = msgspec.Raw()
    generations: Any = None


_ANSWER = msgspec.json.Decoder(_Answer)


def response_id_in(output: str | None) -> str | None:
    """The id of the answer in a document, `None` where it holds none."""
    if output is None or not output.startswith("{"):
        return None
    try:
        answer = _ANSWER.decode(output)
    except (msgspec.DecodeError, ValueError):
        return None
    if isinstance(answer.model, str) and any(map(bytes, (answer.choices, answer.output, answer.content))):
        return _usable(answer.id)
    return _usable(_at(answer.generations, 0, 0, "message", "kwargs", "response_metadata", "id"))


def is_no_id(text: str) -> bool:
    """Whether a text says that no id is known: calls that have it in common are not one call."""
    return is_unknown(text) or text.strip().lower() == "unknown"


def _usable(value: Any) -> str | None:
    if not isinstance(value, str) or len(value) > _MAX_CHARACTERS or is_no_id(value):
        return None
    return value if is_clean(value) else None


def _at(value: Any, *path: str | int) -> Any:
    for key in path:
        if isinstance(value, dict) and isinstance(key, str):
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int) and key < len(value):
            value = value[key]
        else:
            return None
    return value
