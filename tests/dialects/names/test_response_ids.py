import json
from typing import Any

import pytest

from spanstats.dialects.names.response_ids import ANSWERS

from ..otlp.test_mapping import read

CHAT = {"id": "chatcmpl-1", "model": "gpt-4o-mini", "choices": [{"message": {"content": "hi"}}]}
RESPONSE = {"id": "resp_1", "model": "gpt-4o-mini", "output": []}
MESSAGE = {"id": "msg_1", "type": "message", "model": "claude", "content": [{"type": "text", "text": "hi"}]}
LANGCHAIN = {"generations": [[{"message": {"kwargs": {"response_metadata": {"id": "chatcmpl-1"}}}}]]}


def response_id(output: Any, name: str = "output.value", **attributes: Any) -> str | None:
    return read({"openinference.span.kind": "LLM", name: json.dumps(output), **attributes}).response_id


@pytest.mark.parametrize("name", sorted(ANSWERS))
@pytest.mark.parametrize(
    ("answer", "expected"),
    [(CHAT, "chatcmpl-1"), (RESPONSE, "resp_1"), (MESSAGE, "msg_1"), (LANGCHAIN, "chatcmpl-1")],
)
def test_the_answer_of_an_api_says_its_id(name: str, answer: Any, expected: str) -> None:
    assert response_id(answer, name) == expected


def test_an_attribute_that_says_the_id_goes_before() -> None:
    assert response_id(CHAT, **{"gen_ai.response.id": "r"}) == "r"


@pytest.mark.parametrize(
    "output",
    [
        {"id": "42", "name": "a row"},
        {"id": "42", "content": "no model"},
        {**CHAT, "id": 42},
        {**CHAT, "id": ""},
        {**CHAT, "id": "x" * 257},
        {"generations": [[]]},
        {"generations": {"0": []}},
        [CHAT],
        "text",
    ],
)
def test_an_object_that_only_happens_to_have_an_id_is_no_answer(output: Any) -> None:
    assert response_id(output) is None


def test_the_output_of_what_is_no_call_is_no_answer() -> None:
    assert read({"openinference.span.kind": "CHAIN", "output.value": json.dumps(CHAT)}).response_id is None


@pytest.mark.parametrize("word", ["None", "null", "undefined", "N/A", "unknown", " "])
def test_a_word_for_no_id_is_none(word: str) -> None:
    answer = {"id": "chatcmpl-1", "model": "gpt-4o", "choices": []}
    assert response_id(None, **{"gen_ai.response.id": word}) is None
    assert response_id(answer, **{"gen_ai.response.id": word}) == "chatcmpl-1"
    assert response_id({**answer, "id": word}) is None
