"""What a LangChain run of a model used: its tokens are in one of several shapes, often in two of them at once.

`llm_output` sums up the call, as its provider's API reported it; `usage_metadata` of a message is LangChain's own form
of the same numbers; `response_metadata` of a message and `generation_info` are the provider's again. They are never
added to one another: the one with most numbers is taken, of equals the first.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from ...domain.span import Span
from ...domain.values import MAX_TOKENS
from ...errors import InvalidInput
from ..names.blocks import FieldValues, read_block
from ..names.reading import read_usage
from ..names.usage import FIRST_TOKEN_EVENTS
from ..numbers import known_tokens

_OUTPUT_BLOCKS = ("token_usage", "tokenUsage", "usage", "estimatedTokenUsage", "usage_metadata")
_MESSAGE_BLOCKS = ("token_usage", "tokenUsage", "usage", "usage_metadata")

Json = dict[str, Any]


def add_usage(span: Span, run: Json) -> None:
    """Set tokens and what a price follows from; counts that cannot be used are left out."""
    outputs = as_object(run.get("outputs"))
    numbers = max(_shapes(run, outputs), key=_counted, default={})
    usage = read_usage(numbers, span.model, span.provider)
    for field, number in usage.fields.items():
        if field != "cost_pd":
            setattr(span, field, number)
    span.attributes = {**span.attributes, **usage.details}


def first_token_time(run: Json) -> Any:
    """The time of the first token among the events of a run, `None` where none reports it."""
    events = run.get("events")
    objects = (e for e in events if isinstance(e, dict)) if isinstance(events, list) else ()
    return next((e.get("time") for e in objects if e.get("name") in FIRST_TOKEN_EVENTS), None)


def response_models(run: Json) -> Iterator[Json]:
    """The objects of the messages in which a model may be named."""
    for message in _messages(as_object(run.get("outputs"))):
        yield as_object(message.get("response_metadata"))


def call_output(outputs: Json) -> Json:
    """What sums up a call, in Python's and in TypeScript's spelling."""
    return as_object(outputs.get("llm_output") or outputs.get("llmOutput"))


def as_object(value: object) -> Json:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def _shapes(run: Json, outputs: Json) -> list[FieldValues]:
    call = call_output(outputs)
    messages = list(_messages(outputs))
    metadata = as_object(as_object(run.get("extra")).get("metadata"))
    return [
        *(_read(call.get(name)) for name in _OUTPUT_BLOCKS),
        _added(_read(m.get("usage_metadata")) for m in messages),
        _added(_first_block(as_object(m.get("response_metadata"))) for m in messages),
        _added(_first_block(as_object(m.get("generation_info"))) for m in messages),
        _read(outputs.get("usage_metadata")),
        _read(metadata.get("usage_metadata")),
    ]


def _messages(outputs: Json) -> Iterator[Json]:
    """The first answer to each prompt, with what belongs to it: every further answer repeats the usage of the call."""
    generations = outputs.get("generations")
    for row in generations if isinstance(generations, list) else ():
        generation = as_object(row[0] if isinstance(row, list) and row else row)
        message = as_object(generation.get("message"))
        yield {
            **as_object(message.get("kwargs")),
            **message,
            "generation_info": generation.get("generation_info") or generation.get("generationInfo"),
        }


def _first_block(holder: Json) -> FieldValues:
    """The first block in an object that has any number."""
    return next((numbers for name in _MESSAGE_BLOCKS if (numbers := _read(holder.get(name)))), {})


def _read(block: object) -> FieldValues:
    numbers = read_block(as_object(block))
    return {f: (count, row) for f, (value, row) in numbers.items() if (count := _count(value)) is not None}


def _added(parts: Iterable[FieldValues]) -> FieldValues:
    """The sums over several answers, under the names of the first of them."""
    total: FieldValues = {}
    for part in parts:
        for field, (count, row) in part.items():
            total[field] = (total[field][0] if field in total else 0) + count, row
    return {f: e for f, e in total.items() if e[0] <= MAX_TOKENS}


def _counted(numbers: FieldValues) -> int:
    return (
        len(numbers) if "prompt_tokens" in numbers or "completion_tokens" in numbers or "total_tokens" in numbers else 0
    )


def _count(value: object) -> int | None:
    """A whole number in any of its forms; `None` for what cannot be used."""
    try:
        return known_tokens(value, "")
    except InvalidInput:
        return None
