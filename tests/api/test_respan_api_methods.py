"""Every method of respan-api leads to an answer of its own: served, or 501 with a sentence, as the documents say."""

import re
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

pytestmark = pytest.mark.anyio

_LIST = Path(__file__).with_name("respan_api_methods.tsv")
_DOCUMENT = Path(__file__).parents[2] / "docs" / "migration.md"


class Method(NamedTuple):
    name: str
    verb: str
    path: str
    decision: str


METHODS = [Method(*line.split("\t")) for line in _LIST.read_text().splitlines() if not line.startswith("#")]


def test_the_list_is_the_whole_of_the_pinned_client() -> None:
    assert len(METHODS) == 120 + 108
    assert {method.decision for method in METHODS} == {"served", "501"}


async def test_every_method_is_served_or_answered_with_a_sentence(client: httpx.AsyncClient) -> None:
    for method in METHODS:
        answer = await client.request(method.verb, re.sub(r"{\w+}", "nobody", method.path), json={})
        if method.decision == "501":
            assert answer.status_code == 501, (method, answer.text)
            assert answer.json()["error"].startswith("This service "), method
        else:
            assert answer.status_code in (200, 201, 400, 404), (method, answer.text)
            assert answer.json()["error"] != "Not Found" if answer.status_code == 404 else True, method


async def test_a_key_that_is_not_known_is_401_before_a_sentence(anonymous: httpx.AsyncClient) -> None:
    for method in METHODS:
        answer = await anonymous.request(method.verb, re.sub(r"{\w+}", "nobody", method.path), json={})
        assert answer.status_code == 401, method


def test_the_documents_say_of_every_method_what_it_answers() -> None:
    described = dict(_rows(_DOCUMENT.read_text()))
    for method in METHODS:
        family = f"{method.name.partition('.')[0]}.*"
        decision = described.get(method.name, described.get(family))
        assert decision == method.decision, (method, decision)


def _rows(text: str) -> list[tuple[str, str]]:
    """Names and decisions of the lines `| a, b | 501 | ... |`."""
    rows = re.findall(r"^\| (`[^|]+`) \| (served|501) \|", text, re.MULTILINE)
    return [(name, decision) for names, decision in rows for name in re.findall(r"`([\w.*]+)`", names)]
